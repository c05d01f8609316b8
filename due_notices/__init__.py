"""Due Notices: one notice per obligation and stage on a Storage Queue, never lost, never doubled.

Read it in this order; `make check` holds that imports run down only:

    run           one run in numbered steps
    fan_out       the same day in shards, for what has outgrown one instance; `fan_out_app` has its functions
    reading       read all users and plan
    planning      pure: which notices are owed on a business date, and who is skipped and why
    ladder        pure: which stage of an obligation counts, given what was sent of it
    stages        pure: the stages, business days, the send window
    falls         pure: whether far too little was found, and what is worth a look
    delivery      claim in the ledger, send, mark sent
    obligations   pure: what a value of the due-date attribute means
    users         pure: the customer and how to reach them
    message       pure: a notice as CloudEvents JSON
    model         obligations, notices, skips: frozen values
    in_force      pure: what the settings mean, in one sentence
    deadline      one deadline binds all that a run does
    policy        pure: the rules, the send window and the brakes
    function_timeout  pure: how long a run may take, by what the host gives it
    report        what a run reports
    ports         the outside world as the core sees it; `adapters/` implements it
    ownership     pure: one ledger, one deployment
    credentials   pure: what proves the app to Entra, how long it is good, when to warn
    refusals      pure: what the services say when they refuse, and the remedy
    errors        one class per distinct reaction
    services      what a run works with, the log as its watcher among it
    settings      the environment, checked as a whole and frozen
    bootstrap     builds everything from the environment (the composition root)

`commands/` holds what people run, a folder per command; it is never deployed.
"""

VERSION = "0.1.0"
