# Copyright (c) 2026, the gpu_cluster.hardening authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of system-call events that Falco knows, as ``evt.type`` names them, and their arguments.

Sources: the system calls of Linux (asm/unistd.h), and the event table of falcosecurity/libs 0.25 for what differs.
"""

from __future__ import annotations

_SYSTEM_CALLS = """
    _llseek _sysctl accept accept4 access acct add_key adjtimex afs_syscall alarm arch_prctl bind bpf brk
    cachestat capget capset chdir chmod chown chown32 chroot clock_adjtime clock_getres clock_gettime
    clock_nanosleep clock_settime clone clone3 close close_range connect copy_file_range creat create_module
    delete_module dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2
    epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64
    fadvise64_64 fallocate fanotify_init fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32
    fchownat fcntl fcntl64 fdatasync fgetxattr finit_module flistxattr flock fork fremovexattr fsconfig
    fsetxattr fsmount fsopen fspick fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64
    futex futex_requeue futex_wait futex_waitv futex_wake futimesat get_kernel_syms get_mempolicy
    get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
    getitimer getpeername getpgid getpgrp getpid getpmsg getppid getpriority getrandom getresgid getresuid
    getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getxattr
    getxattrat init_module inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
    io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioctl ioperm
    iopl ioprio_get ioprio_set ipc kcmp kexec_file_load kexec_load keyctl kill landlock_add_rule
    landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount
    listxattr listxattrat llistxattr lookup_dcookie lremovexattr lseek lsetxattr lstat lstat64 madvise
    map_shadow_stack mbind membarrier memfd_create memfd_secret migrate_pages mincore mkdir mkdirat mknod
    mknodat mlock mlock2 mlockall mmap mmap2 modify_ldt mount mount_setattr move_mount move_pages mprotect
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mremap mseal msgctl msgget msgrcv
    msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep newfstatat nfsservctl nice oldolduname
    olduname open open_by_handle_at open_tree openat openat2 pause perf_event_open personality pidfd_getfd
    pidfd_open pidfd_send_signal pipe pipe2 pivot_root pkey_alloc pkey_free pkey_mprotect poll ppoll prctl
    pread64 preadv preadv2 prlimit64 process_madvise process_mrelease process_vm_readv process_vm_writev
    pselect6 ptrace putpmsg pwrite64 pwritev pwritev2 query_module quotactl quotactl_fd read readahead readdir
    readlink readlinkat readv reboot recv recvfrom recvmmsg recvmsg remap_file_pages removexattr removexattrat
    rename renameat renameat2 request_key restart_syscall riscv_flush_icache rmdir rseq rt_sigaction
    rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
    sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
    sched_yield seccomp security select semctl semget semop semtimedop send sendfile sendfile64 sendmmsg
    sendmsg sendto set_mempolicy set_mempolicy_home_node set_robust_list set_thread_area set_tid_address
    setdomainname setfsgid setfsuid setgid setgid32 setgroups sethostname setitimer setns setpgid setpriority
    setregid setresgid setresuid setresuid32 setreuid setrlimit setsid setsockopt settimeofday setuid setuid32
    setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaction sigaltstack signal signalfd signalfd4
    sigpending sigprocmask sigreturn sigsuspend socket socketcall socketpair splice stat stat64 statfs
    statfs64 statmount statx stime swapoff swapon symlink symlinkat sync sync_file_range syncfs sysfs sysinfo
    syslog tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime
    timerfd_create timerfd_gettime timerfd_settime times tkill truncate truncate64 tuxcall ugetrlimit umask
    umount umount2 uname unlink unlinkat unshare uselib userfaultfd ustat utime utimensat utimes vfork vhangup
    vmsplice vserver wait4 waitid waitpid write writev
"""
_OF_FALCO = """
    asyncevent container cpu_hotplug drop group_added group_deleted infra k8s llseek mesos notification
    page_fault page_fault_kernel page_fault_user pluginevent pread prlimit procexit procinfo pwrite
    sched_switch seek signaldeliver switch syscall tracer user_added user_deleted
"""
EVENT_TYPES = frozenset((_SYSTEM_CALLS + _OF_FALCO).split())
"""Every value that ``evt.type`` can have."""

NOT_CAPTURED = frozenset(
    {
        "pread",
        "pread64",
        "preadv",
        "pwrite",
        "pwrite64",
        "pwritev",
        "read",
        "readv",
        "recv",
        "send",
        "sendfile",
        "write",
        "writev",
    }
)
"""Types that Falco does not capture, even for a rule that names them, without ``base_syscalls.all``."""

_ARGUMENTS = """
    addr arg2_int arg2_str args argument backlog cap_effective cap_inheritable cap_permitted cgroups cmd comm
    creat_flags cwd data dev dir dirfd domain env exe exe_ino exe_ino_ctime exe_ino_mtime fd fdlimit filename
    flags gid img ino length linkdirfd linkpath loginuid mode mountfd name newdir newdirfd newfd newpath
    nstype offset olddir olddirfd oldfd oldpath option path pathname pgft_maj pgft_min pgid pgoffset pid
    pid_fd pidns_init_start_ts pos prot proto ptid queuelen queuemax queuepct request res resolve sig size
    target target_fd tid trusted_exepath tty tuple type uargs uid vm_rss vm_size vm_swap vpgid vpid vtid
"""
ARGUMENTS = frozenset(_ARGUMENTS.split())
"""Names of arguments of common events: not all there are."""
