"""`import`: due dates from the lists that people have, onto the users of the directory.

Read it in this order; each module imports only from those below it:

    command       the command line
    asking        what the operator says about a list, from the words of the command line
    importing     one import from the list to the users: read, compare, show, write
    output        tables, JSON and CSV of what was found
    comparing     the list against the whole directory: what would become of each user
    build         builds the parts from the settings, with the operator's own login
    graph_writes  batches for Microsoft Graph, written by us
    writing       how values get onto users: pace, answers, what is done again
    journal       what is to be written, and what of it is done
    changes       pure: what the list changes on a user
    matching      pure: who is meant
    reading       the rows of a list as obligations
    entries       the obligations of a whole list, in little memory
    columns       many rows at a time, column by column, where all are plain
    rows          one row as an obligation, as none, or refused
    proof         what a list's columns prove by themselves
    unread        pure: what the columns that nothing reads may still say
    recognition   pure: whose list it is, and which column means what
    source        a file as text, whatever is in it
    profiles      what is known of a program's list
    dates         pure: what a date says
    amounts       pure: what an amount says
    problems      what keeps a list from being read, and what is not an obligation
"""
