"""Seccomp: system calls that a process gives up. The filter is a few dozen instructions, so no library is needed."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

from cockpit.verifiers.walls.landlock import no_new_privileges

_DENY = (
    "socket", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "bpf", "perf_event_open", "userfaultfd", "add_key", "request_key", "keyctl", "unshare",
    "setns", "mount", "umount2", "pivot_root", "chroot", "open_by_handle_at", "name_to_handle_at", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "syslog", "acct",
    "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "quotactl", "sethostname", "setdomainname",
    "personality", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "pidfd_open",
    "pidfd_send_signal", "pidfd_getfd", "process_madvise", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill",
    "setpriority", "sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr", "ioprio_set",
    "shmget", "semget", "msgget", "mq_open", "fanotify_init", "truncate", "openat2", "migrate_pages", "move_pages",
)  # fmt: skip
_PRETEND = (
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "futimesat",
    "utimensat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
)  # fmt: skip
"""Landlock doesn't look at these; copying a file needs them to succeed, nobody needs that they do anything."""
_SAME = {
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_open": 434, "clone3": 435, "openat2": 437,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "fchmodat2": 452, "pidfd_send_signal": 424,
}  # fmt: skip
_X86_64 = _SAME | {
    "socket": 41, "clone": 56, "kill": 62, "truncate": 76, "chmod": 90, "fchmod": 91, "chown": 92, "fchown": 93,
    "lchown": 94, "ptrace": 101, "syslog": 103, "rt_sigqueueinfo": 129, "utime": 132, "personality": 135,
    "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "pivot_root": 155, "adjtimex": 159,
    "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167, "swapoff": 168,
    "reboot": 169, "sethostname": 170, "setdomainname": 171, "init_module": 175, "delete_module": 176, "quotactl": 179,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "removexattr": 197, "lremovexattr": 198, "fremovexattr": 199,
    "tkill": 200, "sched_setaffinity": 203, "clock_settime": 227, "tgkill": 234, "utimes": 235, "mq_open": 240,
    "kexec_load": 246, "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251, "migrate_pages": 256,
    "openat": 257, "fchownat": 260, "futimesat": 261, "fchmodat": 268, "unshare": 272, "move_pages": 279,
    "utimensat": 280, "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "sched_setattr": 314, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323, "shmget": 29, "semget": 64, "msgget": 68, "open": 2,
}  # fmt: skip
_ARM_64 = _SAME | {
    "setxattr": 5, "lsetxattr": 6, "fsetxattr": 7, "removexattr": 14, "lremovexattr": 15, "fremovexattr": 16,
    "ioprio_set": 30, "umount2": 39, "mount": 40, "pivot_root": 41, "truncate": 45, "chroot": 51, "fchmod": 52,
    "fchmodat": 53, "fchownat": 54, "fchown": 55, "openat": 56, "quotactl": 60, "utimensat": 88, "acct": 89,
    "personality": 92, "unshare": 97, "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
    "syslog": 116, "ptrace": 117, "sched_setparam": 118, "sched_setscheduler": 119, "sched_setaffinity": 122,
    "kill": 129, "tkill": 130, "tgkill": 131, "rt_sigqueueinfo": 138, "setpriority": 140, "reboot": 142,
    "sethostname": 161, "setdomainname": 162, "settimeofday": 170, "adjtimex": 171, "mq_open": 180, "msgget": 186,
    "semget": 190, "shmget": 194, "socket": 198, "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220,
    "swapon": 224, "swapoff": 225, "migrate_pages": 238, "move_pages": 239, "rt_tgsigqueueinfo": 240,
    "perf_event_open": 241, "prlimit64": 261, "fanotify_init": 262, "name_to_handle_at": 264, "open_by_handle_at": 265,
    "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272,
    "finit_module": 273, "sched_setattr": 274, "bpf": 280, "userfaultfd": 282, "kexec_file_load": 294,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _ARM_64)}
_X32 = 0x40000000  # the second numbering of x86_64's calls, which would go round the filter
_LOAD, _EQUAL, _AT_LEAST, _AND, _RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NEW_USER, _TRUNCATE, _ACCESS = 0x10000000, os.O_TRUNC, os.O_ACCMODE


def restrict(*, own_signals_only: bool) -> bool:
    """Give up sockets, tracing, mounts and the like; and signals to any other process where nothing else keeps them in.

    False where this machine has no seccomp, or an architecture whose numbers aren't known here.
    """
    arch, numbers = _MACHINES.get(os.uname().machine, (0, {}))
    if not numbers or not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:
        return False
    code = b"".join(_program(arch, numbers, os.getpid() if own_signals_only else 0))
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    no_new_privileges()
    return ctypes.CDLL(None, use_errno=True).prctl(22, 2, program, 0, 0) == 0


def _program(arch: int, numbers: dict[str, int], own: int) -> list[bytes]:
    """The filter: each block falls through to the next where it doesn't match."""
    refuse, pretend = _ERRNO | errno.EPERM, _ERRNO
    out = [_op(_LOAD, 4), _op(_EQUAL, arch, 1, 0), _op(_RETURN, _KILL), _op(_LOAD, 0)]
    if numbers is _X86_64:
        out += [_op(_AT_LEAST, _X32, 0, 1), _op(_RETURN, _ERRNO | errno.ENOSYS)]
    for names, answer in ((_DENY, refuse), (_PRETEND, pretend), (("clone3",), _ERRNO | errno.ENOSYS)):
        for name in names:
            if name in numbers:
                out += [_op(_EQUAL, numbers[name], 0, 1), _op(_RETURN, answer)]
    emptied = (
        _TRUNCATE | _ACCESS
    )  # opened for reading, and emptied: early versions of Landlock let that through
    for name, at, mask, value in (("clone", 0, _NEW_USER, _NEW_USER), ("open", 1, emptied, _TRUNCATE),
                                  ("openat", 2, emptied, _TRUNCATE)):  # fmt: skip
        if name in numbers:
            out += _if_argument(numbers[name], at, mask, value, [_op(_RETURN, refuse)])
    out += _unless(numbers["prlimit64"], (0, own or os.getpid()), refuse)
    if own:
        out += [*_unless(numbers["kill"], (own,), refuse), *_unless(numbers["tgkill"], (own,), refuse)]
    return [*out, _op(_RETURN, _ALLOW)]


def _if_argument(number: int, at: int, mask: int, value: int, then: list[bytes]) -> list[bytes]:
    """Where the call's argument under the mask has the value: `then`; the number is loaded again for who follows."""
    inner = [_op(_LOAD, 16 + 8 * at), _op(_AND, mask), _op(_EQUAL, value, 0, len(then)), *then, _op(_LOAD, 0)]
    return [_op(_EQUAL, number, 0, len(inner)), *inner]


def _unless(number: int, first: tuple[int, ...], answer: int) -> list[bytes]:
    """Refuse the call unless its first argument is one of these."""
    tests = [_op(_EQUAL, value, len(first) - i, 0) for i, value in enumerate(first)]
    inner = [_op(_LOAD, 16), *tests, _op(_RETURN, answer), _op(_LOAD, 0)]
    return [_op(_EQUAL, number, 0, len(inner)), *inner]


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
