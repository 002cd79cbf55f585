"""The measured claims, printed again: `make bench`, or `python -m tests.bench [NAME...] [--help]`.

    peers      nbgrader, Otter and ours, on the same class and the same checks
    floor      grading a submission, against the bare time of its functions
    isolation  the sandbox, against the same process
    scale      cost of a submission and memory from 10 to 2,000 submissions; one core and two   (takes an hour)
    throughput all kernels of the course, on all devices of this machine, as a table in Markdown: what the curves are
               set by   (takes half an hour)
    spread     how well a speed is known: one honest kernel of each operation, measured ten times   (takes half an hour)
    resources  what the Triton kernels take of GPUs that need not be here   (needs triton)
    startup    what the commands take before they do anything, and where it goes
    workers    what a worker of the sandbox costs
    boundary   what a call into it costs

Nothing is downloaded, and nothing is left behind: courses, caches and settings are in temporary folders.
"""
