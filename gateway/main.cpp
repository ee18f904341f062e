#include "base/printed.hpp"
#include "base/process.hpp"
#include "gateway/commands/command_line.hpp"

int main(int argc, char** argv) {
    postern::harden_process();
    return postern::deliver("postern-gateway", 1,
                            [&] { return postern::gateway::run_command_line(argc, argv); });
}
