// postern-load is the load generator of bench/. It knows nothing of Postern; bench/bench.py runs it.
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "roles.hpp"
#include "sockets.hpp"

namespace {

int usage() {
    std::fputs(
        "usage: postern-load backend PORT\n"
        "       postern-load bulk PORT CONNECTIONS BYTES up|down\n"
        "       postern-load connects PORT COUNT AT-ONCE GAP-MICROSECONDS\n"
        "       postern-load round-trips PORT CONNECTIONS COUNT IDLE-BESIDE\n"
        "       postern-load idle PORT COUNT\n"
        "       postern-load first-rows PORT COUNT USER DATABASE\n"
        "       postern-load delay-line PORT TO-PORT ONE-WAY-MILLISECONDS\n"
        "Everything is on 127.0.0.1; port 0 to listen on is any free one. Results are one line of JSON.\n",
        stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace postern::bench;
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto number = [&](std::size_t at) { return std::strtoull(words[at].c_str(), nullptr, 10); };
    const auto port = [&](std::size_t at) { return static_cast<unsigned short>(number(at)); };
    const auto is = [&](const char* role, std::size_t count) {
        return words.size() == count && words[0] == role;
    };

    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);

    if (is("backend", 2)) {
        return serve_backend(port(1));
    }
    if (is("bulk", 5)) {
        return measure_bulk(port(1), number(2), number(3), words[4] == "up");
    }
    if (is("connects", 5)) {
        return measure_connects(port(1), number(2), number(3), number(4));
    }
    if (is("round-trips", 5)) {
        return measure_round_trips(port(1), number(2), number(3), number(4));
    }
    if (is("idle", 3)) {
        return hold_idle(port(1), number(2));
    }
    if (is("first-rows", 5)) {
        return measure_first_rows(port(1), number(2), words[3].c_str(), words[4].c_str());
    }
    if (is("delay-line", 4)) {
        return delay_line(port(1), port(2), static_cast<unsigned>(number(3)));
    }
    return usage();
}
