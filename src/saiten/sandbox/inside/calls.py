"""System call numbers of x86-64 and aarch64 (-1: that machine has no such call), and which are free or refused.

Source: linux asm/unistd_64.h and asm-generic/unistd.h, Linux 6.1.
"""

from __future__ import annotations

# fmt: off
CALLS: dict[str, tuple[int, int]] = {
    "read": (0, 63), "write": (1, 64), "close": (3, 57),
    "close_range": (436, 436), "fstat": (5, 80), "lseek": (8, 62), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216), "madvise": (28, 233),
    "futex": (202, 98), "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133), "pause": (34, -1), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67),
    "access": (21, -1), "faccessat": (269, 48), "faccessat2": (439, 439), "pipe": (22, -1), "pipe2": (293, 59),
    "select": (23, -1), "pselect6": (270, 72), "poll": (7, -1), "ppoll": (271, 73), "sched_yield": (24, 124),
    "dup": (32, 23), "dup2": (33, -1), "dup3": (292, 24), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "getitimer": (36, 102), "setitimer": (38, 103), "alarm": (37, -1), "getpid": (39, 172), "gettid": (186, 178),
    "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158), "getpgrp": (111, -1),
    "getpgid": (121, 155), "getsid": (124, 156), "exit": (60, 93), "exit_group": (231, 94), "uname": (63, 160),
    "getcwd": (79, 17), "getdents64": (217, 61), "readlink": (89, -1), "readlinkat": (267, 78), "stat": (4, -1),
    "lstat": (6, -1), "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44),
    "gettimeofday": (96, 169), "clock_gettime": (228, 113), "clock_getres": (229, 114), "time": (201, -1),
    "times": (100, 153), "getrusage": (98, 165), "getrlimit": (97, 163), "sysinfo": (99, 179),
    "set_robust_list": (273, 99), "get_robust_list": (274, 100), "rseq": (334, 293), "set_tid_address": (218, 96),
    "arch_prctl": (158, -1), "getrandom": (318, 278), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126),
    "getpriority": (140, 141), "getcpu": (309, 168), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, -1), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441), "eventfd2": (290, 19),
    "recvfrom": (45, 207), "sendto": (44, 206), "recvmsg": (47, 212), "shutdown": (48, 210), "getsockname": (51, 204),
    "getpeername": (52, 205), "getsockopt": (55, 209), "umask": (95, 166), "wait4": (61, 260), "waitid": (247, 95),
    "restart_syscall": (219, 128), "fadvise64": (221, 223), "open": (2, -1), "openat": (257, 56), "clone": (56, 220),
    "kill": (62, 129), "tgkill": (234, 131), "fcntl": (72, 25), "ioctl": (16, 29), "prctl": (157, 167),
    "prlimit64": (302, 261), "socketpair": (53, 199), "clone3": (435, 435), "fork": (57, -1), "vfork": (58, -1),
    "execve": (59, 221), "execveat": (322, 281), "socket": (41, 198), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "setsockopt": (54, 208), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190),
    "semop": (65, 193), "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "setpriority": (141, 140), "setrlimit": (160, 164),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "ioprio_set": (251, 30), "creat": (85, -1),
    "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47), "unlink": (87, -1), "unlinkat": (263, 35),
    "mkdir": (83, -1), "mkdirat": (258, 34), "rmdir": (84, -1), "rename": (82, -1), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, -1), "linkat": (265, 37), "symlink": (88, -1), "symlinkat": (266, 36),
    "mknod": (133, -1), "mknodat": (259, 33), "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "flock": (73, 32), "chdir": (80, 49),
    "fchdir": (81, 50), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40), "umount2": (166, 39),
    "unshare": (272, 97), "setns": (308, 268), "setuid": (105, 146), "setgid": (106, 144), "setgroups": (116, 159),
    "setresuid": (117, 147), "setresgid": (119, 149), "capset": (126, 91), "setsid": (112, 157),
    "setpgid": (109, 154), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "inotify_init1": (294, 26), "fanotify_init": (300, 262), "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104), "reboot": (169, 142),
    "swapon": (167, 224), "quotactl": (179, 60), "syslog": (103, 116), "personality": (135, 92),
}
# fmt: on

FREELY_ALLOWED = """
    read write close close_range fstat lseek mmap mprotect munmap brk mremap madvise futex rt_sigaction rt_sigprocmask
    rt_sigreturn sigaltstack rt_sigpending rt_sigtimedwait rt_sigsuspend pause readv writev pread64 access
    faccessat faccessat2 pipe pipe2 select pselect6 poll ppoll sched_yield dup dup2 dup3 nanosleep
    clock_nanosleep getitimer setitimer alarm getpid gettid getppid getuid geteuid getgid getegid getresuid
    getresgid getgroups getpgrp getpgid getsid exit exit_group uname getcwd getdents64 readlink readlinkat
    stat lstat newfstatat statx statfs fstatfs gettimeofday clock_gettime clock_getres time times getrusage
    getrlimit sysinfo set_robust_list get_robust_list rseq set_tid_address arch_prctl getrandom
    sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min
    getpriority getcpu epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 recvfrom sendto
    recvmsg shutdown getsockname getpeername getsockopt umask wait4 waitid restart_syscall fadvise64
""".split()  # noqa: SIM905  a list of words
"""What CPython needs to compute, import, read, wait and run threads; none of these reaches another process."""

DENIED = """
    fork vfork execve execveat socket connect bind listen accept accept4 sendmsg sendmmsg setsockopt tkill
    rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal pidfd_open pidfd_getfd ptrace process_vm_readv
    process_vm_writev memfd_create memfd_secret shmget shmat shmctl semget semop semctl msgget msgsnd msgrcv
    msgctl mq_open setpriority setrlimit sched_setaffinity sched_setscheduler ioprio_set creat truncate
    ftruncate fallocate unlink unlinkat mkdir mkdirat rmdir rename renameat renameat2 link linkat symlink
    symlinkat mknod mknodat chmod fchmod fchmodat chown fchown lchown fchownat utimensat setxattr lsetxattr
    fsetxattr flock chdir fchdir chroot pivot_root mount umount2 unshare setns setuid setgid setgroups
    setresuid setresgid capset setpgid bpf perf_event_open userfaultfd keyctl add_key request_key
    io_uring_setup io_uring_enter io_uring_register name_to_handle_at open_by_handle_at inotify_init1
    fanotify_init landlock_create_ruleset landlock_add_rule landlock_restrict_self init_module
    finit_module kexec_load reboot swapon quotactl syslog personality
""".split()  # noqa: SIM905  a list of words
"""Answered with EPERM, so that Python raises PermissionError and not "not implemented"."""
