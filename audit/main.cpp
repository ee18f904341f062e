#include <csignal>
#include <cstdio>

#include "audit/tool.hpp"
#include "base/printed.hpp"
#include "base/process.hpp"

int main(int argc, char** argv) {
    postern::harden_process();
    // The program ends without an error message when its pager is closed.
    std::signal(SIGPIPE, SIG_DFL);
    return postern::deliver("postern-audit", 2,
                            [&] { return postern::audit::run_tool(argc, argv, stdout, stderr); });
}
