#include "http/client.hpp"

#include <algorithm>
#include <exception>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/exhaustion.hpp"
#include "base/process.hpp"
#include "base/secret.hpp"
#include "http/answer_parser.hpp"
#include "http/http_date.hpp"
#include "http/https_url.hpp"
#include "net/address.hpp"
#include "net/deadline_timer.hpp"
#include "net/dial.hpp"
#include "net/tls_stream.hpp"
#include "pki/identity.hpp"
#include "pki/validity.hpp"

namespace postern::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

using Steady = std::chrono::steady_clock;

/// The server closes idle connections after a while. A connection that has been idle for longer than this is
/// not reused.
constexpr auto kReusableFor = std::chrono::seconds(10);
constexpr std::size_t kPieceBytes = 16U << 10;

/// One request.
struct Question {
    beast::http::verb method;
    const std::string& path;
    const std::string& if_none_match;
    const std::string& body;
};

/// Checks that a certificate with a verified chain belongs to the CA service at `host`.
Result<void> check_ca(const pki::Certificate& leaf, const std::string& host,
                      const std::string& trust_domain) {
    const pki::ErrorQueueScope errors;
    const bool has_name = net::is_ip_address(host)
                              ? X509_check_ip_asc(leaf.get(), host.c_str(), 0) == 1
                              : X509_check_host(leaf.get(), host.data(), host.size(),
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
    if (!has_name) {
        return Failure{Code::wrong_server_identity, "the server's certificate is not for " + host};
    }
    return pki::check_server_identity(leaf, trust_domain, pki::ServerKind::ca, {});
}

Result<net::TlsContext> tls_for(const ClientOptions& options, const std::string& host) {
    if (!options.server_ca) {
        return net::TlsContext::unverified_first_contact();
    }
    net::ServerCheck check = [host, domain = options.trust_domain](const pki::Certificate& leaf) {
        return check_ca(leaf, host, domain);
    };
    return net::TlsContext::client(options.credentials, *options.server_ca, std::move(check));
}

/// The text of the request, including the body, which may contain a password.
Secret text_of(const Question& question, const net::Address& address) {
    beast::http::request_header<> head;
    head.version(11);
    head.method(question.method);
    head.target(question.path);
    head.set(beast::http::field::host, address.text());
    head.set(beast::http::field::user_agent, "postern/" + std::string(version()));
    head.set(beast::http::field::accept, "application/json");
    if (!question.if_none_match.empty()) {
        head.set(beast::http::field::if_none_match, question.if_none_match);
    }
    if (question.method == beast::http::verb::post) {
        head.set(beast::http::field::content_type, "application/json");
        head.set(beast::http::field::content_length, std::to_string(question.body.size()));
    }
    std::ostringstream out;
    out << head;
    const std::string head_text = out.str();
    std::string text;
    // Reserved, because growing would leave a copy of the text in memory.
    text.reserve(head_text.size() + question.body.size());
    text += head_text;
    text += question.body;
    return Secret(std::move(text));
}

/// The failure of a handshake. An alert about a certificate from a peer that has not authenticated is
/// reported as tls_failed, because it says nothing about anybody's certificate.
Failure before_tls(const Failure& failure, const net::TlsStream& tls, bool is_late) {
    const bool is_ours = tls.peer().verify_result != X509_V_OK;
    if (is_ours) {
        return failure;
    }
    if (is_late || failure.code == Code::cancelled) {
        return {Code::timed_out, "no TLS in time"};
    }
    if (is_certificate_verdict(failure.code) || failure.code == Code::policy_denied) {
        return {Code::tls_failed, "the peer refused TLS: " + failure.detail};
    }
    return failure;
}

}  // namespace

struct Client::State {
    State(ClientOptions its_options, net::Address its_address, net::TlsContext its_tls)
        : options(std::move(its_options)), address(std::move(its_address)), tls(std::move(its_tls)) {}

    Result<ClientAnswer> ask(const Question& question);
    Result<Answer> run(const Question& question);
    void reset();
    asio::awaitable<Result<Answer>> exchange(const Question& question);
    asio::awaitable<Result<void>> connect();
    asio::awaitable<Result<Answer>> converse(const Question& question);
    asio::awaitable<Result<Answer>> read_answer(Steady::time_point began);
    bool is_kept();
    std::optional<SystemTime> date_in(const Answer& answer) const;
    Failure lost(const Failure& failure);
    /// The time limit of an answer whose body has `bytes` bytes so far.
    std::chrono::milliseconds timeout_for(std::size_t bytes) const {
        const std::size_t rate = options.least_bytes_per_second;
        return options.answer_timeout + std::chrono::milliseconds(rate == 0 ? 0 : bytes * 1000 / rate);
    }

    ClientOptions options;
    net::Address address;
    net::TlsContext tls;
    std::optional<asio::io_context> loop;
    /// The connection that is kept between calls.
    std::optional<net::TlsStream> stream;
    Steady::time_point last_use;
    /// Whether any byte of the current answer has arrived.
    bool has_heard = false;
    bool was_certificate_refused = false;
    /// The validity period of the server's certificate.
    SystemTime verified_from{};
    SystemTime verified_until{};
};

asio::awaitable<Result<void>> Client::State::connect() {
    net::Address where = address;
    asio::awaitable<Result<net::PlainStream>> dialling =
        options.dial ? options.dial(std::move(where), options.connect_timeout)
                     : net::dial(std::move(where), options.connect_timeout);
    Result<net::PlainStream> dialled = co_await std::move(dialling);
    if (!dialled) {
        co_return dialled.error();
    }
    net::TlsStream connecting(std::move(dialled.value()), tls, net::TlsStream::Role::client, address.host);
    std::function<void()> cut = [&connecting] { connecting.cancel(); };
    const net::DeadlineTimer deadline(connecting.executor(), options.connect_timeout, std::move(cut));
    const Result<void> done = co_await connecting.handshake();
    if (!done) {
        const Failure why = before_tls(done.error(), connecting, deadline.has_passed());
        co_return with_context(address.text(), why);
    }
    if (const auto certificate = connecting.peer().certificate) {
        verified_from = certificate->not_before();
        verified_until = certificate->not_after();
    }
    stream.emplace(std::move(connecting));
    co_return Result<void>();
}

/// Whether the connection of the last call can be used for the next one.
bool Client::State::is_kept() {
    if (!stream) {
        return false;
    }
    // Anything that the server has sent since the last answer can only be the end of the connection.
    const bool is_good = Steady::now() - last_use <= kReusableFor && stream->socket().is_silent() &&
                         SSL_has_pending(stream->native()) == 0;
    if (!is_good) {
        stream.reset();
    }
    return is_good;
}

asio::awaitable<Result<Answer>> Client::State::exchange(const Question& question) {
    const bool was_kept = is_kept();
    if (!was_kept) {
        const Result<void> connected = co_await connect();
        if (!connected) {
            co_return connected.error();
        }
    }
    Result<Answer> answer = co_await converse(question);
    const bool was_lost = !answer && answer.error().code == Code::end_of_stream;
    if (was_kept && was_lost && !has_heard && question.method == beast::http::verb::get) {
        // The server has just closed the kept-alive connection; a GET can be repeated safely.
        stream.reset();
        const Result<void> connected = co_await connect();
        if (!connected) {
            co_return connected.error();
        }
        answer = co_await converse(question);
    }
    if (!answer) {
        co_return lost(answer.error());
    }
    last_use = Steady::now();
    co_return answer;
}

/// The failure of a call after TLS was established. Closes the connection.
Failure Client::State::lost(const Failure& failure) {
    stream.reset();
    const Code code = failure.code;
    const bool is_of_network = code == Code::end_of_stream || code == Code::io_failed;
    const bool is_own_bound = code == Code::timed_out || code == Code::cancelled ||
                              code == Code::request_too_large || code == Code::malformed_request ||
                              code == Code::out_of_resources;
    was_certificate_refused =
        options.server_ca && options.credentials && !has_heard && !is_of_network && !is_own_bound;
    return with_context(address.text(), is_of_network ? Failure{Code::unreachable, failure.detail} : failure);
}

asio::awaitable<Result<Answer>> Client::State::converse(const Question& question) {
    has_heard = false;
    const auto began = Steady::now();
    const Secret secret = text_of(question, address);
    const std::string_view text = secret.reveal();
    const net::Bytes bytes(reinterpret_cast<const unsigned char*>(text.data()), text.size());
    Result<void> written;
    {
        std::function<void()> cut = [this] { stream->cancel(); };
        const net::DeadlineTimer deadline(stream->executor(), options.answer_timeout, std::move(cut));
        written = co_await stream->write_all(bytes);
        if (deadline.has_passed()) {
            co_return Failure{Code::timed_out, "the server did not take the request in time"};
        }
    }
    // This also happens after a failed write, because the server's reason may have arrived unread.
    Result<Answer> answer = co_await read_answer(began);
    const bool is_reading_to_blame =
        written.has_value() || answer.has_value() || answer.error().code != Code::end_of_stream;
    if (!is_reading_to_blame) {
        co_return written.error();
    }
    co_return answer;
}

asio::awaitable<Result<Answer>> Client::State::read_answer(Steady::time_point began) {
    AnswerParser parser(options.longest_answer);
    std::vector<unsigned char> block(kPieceBytes);
    const net::Buffer into(block);
    auto heard_at = began;
    for (;;) {
        const auto ends =
            std::min(began + timeout_for(parser.body_bytes()), heard_at + options.answer_timeout);
        const auto until = net::Deadline::at(ends);
        const Failure late{Code::timed_out, "the answer took too long"};
        if (until.has_passed()) {
            co_return late;
        }
        std::function<void()> cut = [this] { stream->cancel(); };
        const net::DeadlineTimer deadline(stream->executor(), until, std::move(cut));
        const Result<std::size_t> got = co_await stream->read_some(into);
        if (deadline.has_passed()) {
            co_return late;
        }
        if (!got) {
            co_return got.error();
        }
        heard_at = Steady::now();
        const std::string_view piece(reinterpret_cast<const char*>(block.data()), got.value());
        const Result<bool> is_whole = piece.empty() ? parser.put_end() : parser.put(piece);
        has_heard = has_heard || !piece.empty();
        if (!is_whole) {
            co_return is_whole.error();
        }
        if (parser.body_bytes() > 0 && options.is_wanted && !options.is_wanted()) {
            co_return Failure{Code::cancelled, "the answer is not wanted any more"};
        }
        if (!is_whole.value()) {
            continue;
        }
        if (piece.empty() || !parser.keeps_connection()) {
            stream.reset();
        }
        co_return parser.take();
    }
}

void Client::State::reset() {
    stream.reset();
    loop.reset();
}

Result<Answer> Client::State::run(const Question& question) {
    std::exception_ptr thrown;
    Result<Answer> outcome = Failure{Code::internal, "no answer"};
    try {
        if (!loop) {
            loop.emplace(1);
            // Creating a timer makes the loop take its file descriptors now, not in the middle of a call.
            const asio::steady_timer first(*loop);
        }
        loop->restart();
        asio::co_spawn(*loop, exchange(question), [&](std::exception_ptr exception, Result<Answer> answer) {
            thrown = std::move(exception);
            outcome = std::move(answer);
        });
        loop->run();
        if (thrown) {
            std::rethrow_exception(thrown);
        }
    } catch (const boost::system::system_error& error) {
        reset();
        auto own = exhaustion_of(error.code().value());
        if (!own) {
            throw;
        }
        return with_context(address.text(), *std::move(own));
    } catch (...) {
        reset();
        throw;
    }
    return outcome;
}

std::optional<SystemTime> Client::State::date_in(const Answer& answer) const {
    const auto date = from_http_date(std::string_view(answer[beast::http::field::date]));
    const bool is_beyond = options.server_ca && date &&
                           (pki::is_too_early(verified_from, *date) || pki::is_over(verified_until, *date));
    return is_beyond ? std::nullopt : date;
}

Result<ClientAnswer> Client::State::ask(const Question& question) {
    was_certificate_refused = false;
    Result<Answer> got = run(question);
    if (!got) {
        return got.error();
    }
    Answer& whole = got.value();
    ClientAnswer answer;
    answer.status = whole.result_int();
    answer.etag = std::string(whole[beast::http::field::etag]);
    answer.date = date_in(whole);
    answer.body = std::move(whole.body());
    if (answer.status >= 400) {
        Result<Problem> problem = problem_from_json(answer.body);
        if (problem.has_value()) {
            answer.problem = std::move(problem.value());
        }
    }
    return answer;
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::make(ClientOptions options) {
    Result<HttpsUrl> url = HttpsUrl::parse(options.url);
    if (!url) {
        return url.error();
    }
    const net::Address& address = url.value().address();
    if (options.server_ca && !pki::is_trust_domain(options.trust_domain)) {
        return Failure{Code::config_invalid, "a trust domain is needed to know the CA service by"};
    }
    Result<net::TlsContext> tls = tls_for(options, address.host);
    if (!tls) {
        return tls.error();
    }
    return Client(std::make_unique<State>(std::move(options), address, std::move(tls.value())));
}

Result<ClientAnswer> Client::get(const std::string& path, const std::string& if_none_match) {
    const std::string no_body;
    const Question question{beast::http::verb::get, path, if_none_match, no_body};
    return state_->ask(question);
}

Result<ClientAnswer> Client::post_json(const std::string& path, const std::string& body) {
    const std::string no_etag;
    const Question question{beast::http::verb::post, path, no_etag, body};
    return state_->ask(question);
}

bool Client::was_certificate_refused() const noexcept {
    return state_->was_certificate_refused;
}

}  // namespace postern::http
