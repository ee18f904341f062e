#include "base/printed.hpp"
#include "base/process.hpp"
#include "ca-service/commands/run.hpp"

int main(int argc, char** argv) {
    postern::harden_process();
    return postern::deliver("postern-ca", 1, [&] { return postern::ca::commands::run(argc, argv); });
}
