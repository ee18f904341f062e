#include "base/process.hpp"
#include "gateway/command_line.hpp"

int main(int argc, char** argv) {
    postern::harden_process();
    return postern::gateway::run_command_line(argc, argv);
}
