"""The local stack: everything the function talks to, on this machine, in under a second. Never deployed.

Azurite is the real emulator of Azure Storage. The other services are emulated by one TLS server in a thread of
this process, each on a port of its own, under certificates and with signed tokens made for the occasion.

    from local.customers import sample_customers
    from local.faults import Fault
    from local.stack import LocalStack

    with LocalStack(sample_customers(today)) as stack:
        stack.graph.faults.add(Fault(status=429, headers={"Retry-After": "1"}, on_request=2))
        run_the_function(stack.environ)
        assert [request.status for request in stack.graph.requests] == [200, 429, 200, 200]

`python -m local serve` keeps a stack up and prints its settings; `python -m local run` is the demonstration.

    stack           LocalStack: starts and stops it all, furnishes the tenant, holds the settings
    azurite         the Storage emulator as a child process (azurite_preload.mjs is loaded into it)
    tls_server      the TLS server; certificates: its authority
    emulated_service    what the emulated services share: routes, planned faults, the record of requests
    identity, vault, entra, graph     the four of them, one module each
    graph_listing, graph_filter, graph_changes    Graph's paging, its `$filter`, changes of users and batches
    applications, registrations       app registrations at Graph, and what proves an app to Entra
    assertions, app_certificates      the assertions that an app signs, and its certificates
    tokens, clock   signed tokens, and the time by which they run out
    faults          what can be planned to go wrong
    customers       sample users of every kind; names: what they are called; past: what they were sent before
    read_back       the notices on the queue, read by other code than the program's
    expected        who is owed what, worked out by other code than the program's
    expected_decision, expected_values    its halves: one obligation on one day, and what a value says
    serve_command, start_command, run_command, __main__    the command line
"""
