"""One typed function per step of the workflow; the command line and the forms are made from these."""
