#include "base/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

namespace postern {

void Inherited::give_back() const noexcept {
    ::umask(umask);
    ::setrlimit(RLIMIT_CORE, &core);
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::signal(SIGPIPE, SIG_DFL);
}

Inherited harden_process() noexcept {
    Inherited before;
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // Only the soft limits are changed, because a lowered hard limit cannot be raised again.
    if (::getrlimit(RLIMIT_CORE, &before.core) == 0) {
        const rlimit no_core{0, before.core.rlim_max};
        ::setrlimit(RLIMIT_CORE, &no_core);
    }
    if (::getrlimit(RLIMIT_NOFILE, &before.files) == 0) {
        const rlimit all{before.files.rlim_max, before.files.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &all);
    }
    before.umask = ::umask(077);
    ::signal(SIGPIPE, SIG_IGN);
    return before;
}

bool is_ignored(int signal) noexcept {
    struct sigaction action {};
    return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

std::string_view version() noexcept {
    return POSTERN_VERSION;
}

}  // namespace postern
