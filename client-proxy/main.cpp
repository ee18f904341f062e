#include "base/printed.hpp"
#include "base/process.hpp"
#include "client-proxy/commands/cli.hpp"

int main(int argc, char** argv) {
    const postern::Inherited inherited = postern::harden_process();
    return postern::deliver("postern", 1, [&] { return postern::client::run_cli(argc, argv, inherited); });
}
