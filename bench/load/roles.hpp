// The roles of the load generator: the backend behind a pair of proxies, the client in front of them, or a
// slow line between them. Each function runs one role to its end and returns the exit code; errors end the
// program (die()). All of them use 127.0.0.1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace postern::bench {

/// Serves as the backend: it echoes, discards or sends bytes, as each connection asks (see order()). Prints
/// its port and serves until standard input ends.
int serve_backend(unsigned short port);

/// Transfers `bytes` in one direction over `connections` at the same time, each of which carries an equal
/// share. Prints the seconds and the bytes.
int measure_bulk(unsigned short port, std::size_t connections, std::uint64_t bytes, bool is_upload);

/// Opens `count` connections, at most `at_once` at a time, and closes each after its first echoed byte. When
/// `gap_microseconds` is not 0, a connection begins at most once in that time. Prints the seconds, the number
/// of connections and of failures, and the median and the 99th percentile of the time from connect() to that
/// byte.
int measure_connects(unsigned short port, std::size_t count, std::size_t at_once,
                     std::uint64_t gap_microseconds);

/// Sends one byte and waits for its echo, `count` times in all, over `connections` at the same time; `idle`
/// further connections stay open and carry nothing. Prints the seconds, the number of round trips, and the
/// median, the 99th percentile and the maximum of their times.
int measure_round_trips(unsigned short port, std::size_t connections, std::uint64_t count, std::size_t idle);

/// Opens `count` connections, waits for one echoed byte on each, prints "ready", and keeps them open until
/// standard input ends.
int hold_idle(unsigned short port, std::size_t count);

/// Connects `count` times as a PostgreSQL client without TLS, one connection after the other. Prints the
/// median and the 99th percentile of the time from connect() to the first row of "select 1".
int measure_first_rows(unsigned short port, std::size_t count, const char* user, const char* database);

/// Forwards to `to_port` with the delay of a long line: `one_way_milliseconds` in each direction, and for
/// each connection also the round trip of the TCP handshake, which takes no time on the loopback. Prints its
/// port and serves until standard input ends.
int delay_line(unsigned short listen_port, unsigned short to_port, unsigned one_way_milliseconds);

}  // namespace postern::bench
