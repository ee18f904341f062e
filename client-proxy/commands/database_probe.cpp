#include "client-proxy/commands/database_probe.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "base/unique_fd.hpp"
#include "client-proxy/session/probe.hpp"
#include "postgres/wire.hpp"

namespace postern::client {

namespace {

constexpr std::size_t kMostAnswer = 65536;

/// The first message that answers a StartupMessage; empty when none arrives.
std::string first_answer(unsigned short port, const std::string& user, const std::string& database,
                         std::chrono::milliseconds timeout) {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The answer arrives in one piece, so a timeout for each read is enough.
    const timeval most{timeout.count() / 1000, timeout.count() % 1000 * 1000};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {};
    }
    std::string body;
    postgres::append_u32(body, 3U << 16U);
    for (const auto& text : {std::string("user"), user, std::string("database"), database,
                             std::string("application_name"), std::string(kProbeName), std::string()}) {
        body.append(text);
        body.push_back('\0');
    }
    std::string packet;
    postgres::append_u32(packet, static_cast<std::uint32_t>(body.size() + 4));
    packet += body;
    if (::send(fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(packet.size())) {
        return {};
    }
    std::string answer;
    std::array<char, 4096> block{};
    while (answer.size() < postgres::kHeaderBytes || answer.size() < postgres::read_u32(answer, 1) + 1U) {
        const ssize_t got = ::recv(fd.get(), block.data(), block.size(), 0);
        if (got <= 0 || answer.size() > kMostAnswer) {
            return {};
        }
        answer.append(block.data(), static_cast<std::size_t>(got));
    }
    return answer.substr(0, postgres::read_u32(answer, 1) + 1U);
}

}  // namespace

Outcome<ProbeAnswer> probe_database(unsigned short port, const std::string& user, const std::string& database,
                                    std::chrono::milliseconds timeout) {
    const std::string answer = first_answer(port, user, database, timeout);
    if (answer.empty()) {
        return Refusal{Code::backend_timed_out,
                       "PostgreSQL does not answer",
                       "Look into the gateway's and PostgreSQL's logs.",
                       {}};
    }
    ProbeAnswer probed;
    if (answer[0] == 'E') {
        auto error = postgres::parse_error_response(postgres::as_bytes(answer));
        if (!error) {
            return local_refusal(error.error());
        }
        probed.error = *std::move(error);
    } else if (answer[0] == 'R' && answer.size() >= postgres::kHeaderBytes + 4) {
        probed.authentication = postgres::read_u32(answer, postgres::kHeaderBytes);
    }
    return probed;
}

}  // namespace postern::client
