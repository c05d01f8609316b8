"""`import`: due dates from the lists that people have, onto the users of the directory.

Read it in this order; each module may import only from those below it:

    command       the command line
    output        tables, JSON and CSV of what was found
    build         builds the parts from the settings, with the operator's own login
    graph_writes  batches for Microsoft Graph, written by us
    writing       how values get onto users: pace, answers, what is done again
    journal       what is to be written, and what of it is done
    changes       pure: what the list changes on a user
    matching      pure: who is meant
    reading       the rows of a list as obligations
    entries       the obligations of a whole list, in little memory
    proof         what a list's columns prove by themselves
    recognition   pure: whose list it is, and which column means what
    source        a file as text, whatever is in it
    profiles      what is known of a program's list
    dates         pure: what a date says
    amounts       pure: what an amount says
    problems      what keeps a list from being read, and what is not an obligation
"""
