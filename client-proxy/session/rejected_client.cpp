#include "client-proxy/session/rejected_client.hpp"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "client-proxy/session/local_client.hpp"
#include "net/deadline_timer.hpp"
#include "postgres/startup.hpp"

namespace postern::client {

namespace asio = boost::asio;

namespace {

constexpr auto kStrangerTimeout = std::chrono::seconds(5);

/// Reads the client's start-up, and returns the protocol for the message; no value for a peer that needs
/// none.
asio::awaitable<std::optional<postgres::Language>> hear_out(net::PlainStream& local, bool brings_tls) {
    postgres::StartupReader reader;
    std::array<unsigned char, 4096> block{};
    const net::Buffer into(block);
    for (;;) {
        const auto got = co_await local.read_some(into);
        if (!got || *got == 0) {
            co_return std::nullopt;
        }
        const auto outcome = reader.feed(net::Bytes(block).first(*got));
        if (std::holds_alternative<postgres::AnswerNo>(outcome) && brings_tls) {
            co_return postgres::Language::postgres;
        }
        if (std::holds_alternative<postgres::AnswerNo>(outcome)) {
            const std::array<unsigned char, 1> no{'N'};
            const net::Bytes bytes(no);
            const auto written = co_await local.write_all(bytes);
            if (!written) {
                co_return std::nullopt;
            }
        } else if (std::holds_alternative<postgres::StartupMessage>(outcome)) {
            co_return postgres::Language::postgres;
        } else if (std::holds_alternative<postgres::CancelRequest>(outcome)) {
            co_return std::nullopt;
        } else if (const auto* refused = std::get_if<postgres::StartupRefusal>(&outcome)) {
            co_return refused->language;
        }
    }
}

}  // namespace

asio::awaitable<void> reject_client(net::PendingConnections& strangers, Refusal refusal,
                                    net::PlainStream local, bool brings_tls) {
    std::function<void()> cut = [&local] { local.cancel(); };
    const auto place = strangers.enter(cut);
    std::optional<postgres::Language> language;
    {
        const net::DeadlineTimer deadline(local.executor(), kStrangerTimeout, std::move(cut));
        language = co_await hear_out(local, brings_tls);
    }
    if (language) {
        std::string last_words = to_rejection_message(refusal, *language);
        co_await close_with(local, std::move(last_words));
    }
    local.close();
}

}  // namespace postern::client
