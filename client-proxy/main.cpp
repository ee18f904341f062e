#include <sys/stat.h>

#include "base/process.hpp"
#include "client-proxy/commands/cli.hpp"

int main(int argc, char** argv) {
    // For psql, which is to make its files as the user is used to.
    const mode_t umask = ::umask(077);
    postern::harden_process();
    return postern::client::run_cli(argc, argv, umask);
}
