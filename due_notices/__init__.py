"""Due Notices: one notice per obligation and stage on a Storage Queue; none is lost, and a repeat has the same id.

Read it in this order. The layers of imports are in pyproject.toml, and `make check` holds that they run down only.

    run           one run in numbered steps
    reading       read all users, one page after another or in parts, ask the ledger, and plan
    parts         pure: the parts to read in, and what proves that no user is left out
    planning      pure: which notices are owed on a business date, and who is skipped and why
    ladder        pure: which stage of an obligation counts, given what was sent of it
    stages        pure: the stages, business days, the send window
    calendars     pure: the days on which notices may be sent
    falls         pure: whether far too little was found, and what is worth a look
    delivery      claim in the ledger, send, mark sent
    obligations   pure: what a value of the due-date attribute means (`currencies`: the decimals of ISO 4217)
    message       pure: a notice as CloudEvents JSON
    model         obligations, notices, skips, users: frozen values
    in_force      pure: what the settings mean, in one sentence
    deadline      one deadline binds all that a run does
    policy        pure: the rules, the send window and the brakes
    function_timeout  pure: how long a run may take, according to the host's limit
    report        what a run reports
    ports         the outside world as the core sees it; `adapters/` implements it
    ownership     pure: one ledger, one deployment
    credentials   pure: what proves the app to Entra, how long it is good, when to warn
    refusals      pure: what the services say when they refuse, and the remedy
    errors        one class per distinct reaction
    secret        a string that does not print itself
    services      what a run works with: the adapters, an event loop, the log
    settings      the environment, checked as a whole and frozen; one value each: `setting_values`, `schedules`,
                  `time_zones`, `windows_zones`, `clouds`, `connection_strings`
    bootstrap     builds everything from the environment (the composition root)
    fan_out       with SCALE_OUT: a day in shards on several instances, with the code of a run
    fan_out_app   its functions: triggers and bindings alone; `function_app.py`, beside this package, registers them

`commands/` holds what people run, a folder per command; it is never deployed.
"""

VERSION = "0.1.0"
