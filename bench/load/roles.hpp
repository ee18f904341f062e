// What the load generator can be: the backend behind a pair of proxies, the client in front of it, or the
// long line between.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::bench {

/// Echoes, swallows and pours, as each connection asks. Prints its port and serves until standard input ends.
int serve_backend(unsigned short port);

/// Bytes one way over `connections` at once; each of them carries its share. Prints seconds and bytes.
int measure_bulk(unsigned short port, std::size_t connections, std::uint64_t bytes, bool is_upload);

/// `count` connections, `at_once` at a time, each until its first echoed byte. With a `gap_microseconds` one
/// begins at most every so often. Prints the rate, p50 and p99 from connect() to that byte, and how many
/// failed.
int measure_connects(unsigned short port, std::size_t count, std::size_t at_once,
                     std::uint64_t gap_microseconds);

/// One byte to and fro, `count` times in all, over each of `connections`; beside them `idle` connections that
/// stand still. Prints p50, p99 and round trips per second.
int measure_round_trips(unsigned short port, std::size_t connections, std::uint64_t count, std::size_t idle);

/// Opens `count` connections, lets each echo one byte, prints "ready", and holds them until standard input
/// ends.
int hold_idle(unsigned short port, std::size_t count);

/// Connects `count` times as a PostgreSQL client without TLS, one after the other: from connect() to the
/// first row of "select 1". Prints p50 and p99.
int measure_first_rows(unsigned short port, std::size_t count, const char* user, const char* database);

/// Forwards to a port as a line with so much delay each way would, and charges the round trip of the TCP
/// handshake that the loopback does not need. Prints its port and serves until standard input ends.
int delay_line(unsigned short listen_port, unsigned short to_port, unsigned one_way_milliseconds);

}  // namespace postern::bench
