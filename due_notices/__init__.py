"""Due Notices: one notice per obligation and stage on a Storage Queue, never lost, never doubled.

Read it in this order; each module may import only from those below it:

    bootstrap     builds everything from the environment (the composition root)
    settings      the environment, checked as a whole and frozen
    run           one run: read, plan, deliver, record
    doctor        every link of the chain, looked at one by one
    rotation      a new client secret, for operators
    inspection    a run's look without its deeds: preview, explain, the coming days, the days gone by
    audit         pure: what was sent when, as rows and as figures
    status        pure: the verdict over ledger and queues: fine, look, act
    reading       read all users and plan
    services      what a run works with
    delivery      claim in the ledger, send, mark sent
    planning      pure: which notices are owed on a business date, and who is skipped and why
    stages        pure: stages, stage dates, business days, the send window
    policy        pure: the rules, the send window and the brakes
    message       pure: a notice as CloudEvents JSON
    credentials   pure: what proves the app to Entra, how long it is good, when to warn
    obligations   pure: what a value of the due-date attribute means
    users         pure: the customer and how to reach them
    explaining    pure: the decisions of planning, told in words
    forecast      pure: how many notices the coming days bring
    report        what a run says of itself
    progress      who watches a run
    ports         the outside world as the core sees it; `adapters/` implements it
    model         obligations, notices, skips: frozen values
    refusals      pure: what the services say when they refuse, and what mends it
    errors        one class per distinct reaction
"""
