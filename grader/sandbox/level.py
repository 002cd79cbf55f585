"""How well a machine keeps a submission apart, in five levels; which one holds is found by attack (see `probe`)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Layer(enum.StrEnum):
    """One means of isolation."""

    BUBBLEWRAP = "bubblewrap"  # the server's own view of files, processes and network
    LANDLOCK = "landlock"  # the kernel refuses files and TCP outside of what a worker needs
    SCOPE = "scope"  # Landlock refuses signals and abstract sockets, too
    SECCOMP = "seccomp"  # the kernel refuses system calls outside of what a worker needs
    USER = "user"  # a worker runs as a user of its own


class Level(enum.StrEnum):
    """From the strongest to the weakest."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"

    @property
    def layers(self) -> frozenset[Layer]:
        return TRAITS[self].layers

    @property
    def label(self) -> str:
        """As it stands in reports: "A (bubblewrap, Landlock, seccomp)"."""
        return f"{self.value} ({TRAITS[self].has})"

    @property
    def lost(self) -> str:
        """What it lacks against the level above."""
        return TRAITS[self].lost

    @property
    def gain(self) -> str:
        """What to do to get it."""
        return TRAITS[self].gain


@dataclass(frozen=True)
class Traits:
    """What there is to say about a level."""

    layers: frozenset[Layer]
    has: str
    lost: str
    gain: str


TRAITS = {
    Level.A: Traits(
        frozenset({Layer.BUBBLEWRAP, Layer.LANDLOCK, Layer.SCOPE, Layer.SECCOMP}),
        "bubblewrap, Landlock, seccomp",
        "",
        "install bubblewrap (apt install bubblewrap, dnf install bubblewrap) and allow user namespaces "
        "(sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns=0)",
    ),
    Level.B: Traits(
        frozenset({Layer.LANDLOCK, Layer.SCOPE, Layer.SECCOMP}),
        "Landlock, seccomp",
        "names and sizes of files and the list of processes can be seen, and its folder has no quota of its own",
        "use Linux 6.12 or newer with Landlock enabled (lsm=landlock,... on the kernel's command line)",
    ),
    Level.C: Traits(
        frozenset({Layer.LANDLOCK, Layer.SECCOMP}),
        "Landlock without scopes, seccomp",
        "signals and abstract sockets are refused by seccomp alone",
        "use Linux 5.13 or newer with Landlock enabled (lsm=landlock,... on the kernel's command line)",
    ),
    Level.D: Traits(
        frozenset({Layer.SECCOMP, Layer.USER}),
        "seccomp, a user of its own",
        "what everybody may read can be read, and folders that everybody may write can be written to",
        "run the grader as root, with a Python that every user can read, on Linux for x86-64 or aarch64",
    ),
    Level.E: Traits(
        frozenset(),
        "process boundary only",
        "it can do whatever the user who grades can do: read tests, references and gradebook, and use the network",
        "",
    ),
}
