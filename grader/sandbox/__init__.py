"""The untrusted side: the processes that hold submissions, how far they are isolated, and how they are started.

level       → what there is to isolate with, and the levels that it makes
launch      → the sandbox of this process: the strongest level that holds
probe       → finds out by attack what a level keeps from a submission, with
  canary      a hostile submission of our own
process     → a running worker, and the server that forks it
server      → the fork server: a process of its own, warm and without secrets
standalone  → a worker without a server, at level E
scratch     → the folder of a worker
isolate     → what a worker gives up before it gets a submission, by
  landlock    files, TCP, signals
  seccomp     system calls (syscalls has their numbers)
bubblewrap  → the server's own view of the machine
worker      → holds one submission and answers requests
channel     → frames between the two sides
shared      → the mutable values of a call, which both sides know
"""
