// What counts as a request, and how long and how large it may be.
#include <malloc.h>

#include <chrono>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "base/reason.hpp"
#include "http/http_date.hpp"
#include "http/problem.hpp"
#include "http/request_parser.hpp"
#include "http/server.hpp"
#include "support/net_fixture.hpp"

namespace postern::http {
namespace {

using namespace std::chrono_literals;
namespace beast = boost::beast;

Result<std::size_t> put_all(RequestParser& parser, std::string_view bytes) {
    return parser.put(bytes);
}

std::optional<Code> refusal_of(std::string_view bytes) {
    RequestParser parser(1024, 100);
    const auto taken = put_all(parser, bytes);
    return !taken ? std::optional<Code>(taken.error().code) : std::nullopt;
}

TEST(RequestParser, TakesOneRequestAndLeavesTheNext) {
    RequestParser parser(1024, 100);
    const std::string first = "POST /v1/login HTTP/1.1\r\nHost: ca\r\nContent-Length: 5\r\n\r\nhello";
    const auto taken = parser.put(first + "GET / HTTP/1.1\r\n");
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken.value(), first.size());
    ASSERT_EQ(parser.phase(), RequestParser::Phase::done);
    const Request request = parser.take();
    EXPECT_EQ(request.body(), "hello");
    EXPECT_EQ(request.target(), "/v1/login");
}

TEST(RequestParser, TakesARequestByteByByte) {
    RequestParser parser(1024, 100);
    const std::string text = "POST / HTTP/1.1\r\nHost: ca\r\nContent-Length: 3\r\n\r\nabc";
    std::string buffer;
    for (const char c : text) {
        buffer += c;
        const auto taken = parser.put(buffer);
        ASSERT_TRUE(taken.has_value()) << taken.error().detail;
        buffer.erase(0, taken.value());
    }
    ASSERT_EQ(parser.phase(), RequestParser::Phase::done);
    EXPECT_EQ(parser.take().body(), "abc");
}

TEST(RequestParser, LeavesWhatFollowsAConnectAlone) {
    RequestParser parser(1024, 100);
    const std::string head = "CONNECT orders:5432 HTTP/1.1\r\nHost: orders:5432\r\n\r\n";
    const auto taken = parser.put(head + "\x16\x03\x01 early");
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(taken.value(), head.size());
    EXPECT_EQ(parser.phase(), RequestParser::Phase::done);
    const Request request = parser.take();
    EXPECT_EQ(request.method(), beast::http::verb::connect);
    EXPECT_EQ(request.target(), "orders:5432");
}

TEST(RequestParser, BoundsAHeadOfManySmallLinesThatComeInPieces) {
    RequestParser parser(1024, 100);
    std::string buffer = "GET / HTTP/1.1\r\nHost: a\r\n";
    std::size_t put = 0;
    std::optional<Code> refusal;
    while (!refusal && put < 100'000) {
        buffer += "A: b\r\n";
        put += 6;
        const auto taken = parser.put(buffer);
        if (!taken) {
            refusal = taken.error().code;
        } else {
            buffer.erase(0, taken.value());
        }
    }
    EXPECT_EQ(refusal, Code::request_too_large) << put;
    EXPECT_LT(put, 2048u);
}

TEST(RequestParser, RefusesWhatIsTooLarge) {
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'a')),
              Code::request_too_large);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(2000, 'a') + "\r\n\r\n"),
              Code::request_too_large);
    EXPECT_EQ(refusal_of("GET /" + std::string(2000, 'a')), Code::request_too_large);
    EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n"),
              Code::request_too_large);
    EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"), std::nullopt);
}

TEST(RequestParser, RefusesWhatTwoParsersCouldReadDifferently) {
    EXPECT_EQ(
        refusal_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        Code::malformed_request);
    EXPECT_EQ(
        refusal_of(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello"),
        Code::malformed_request);
    EXPECT_EQ(
        refusal_of(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\nhello"),
        Code::malformed_request);
    EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
              Code::malformed_request);
    EXPECT_EQ(refusal_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
              Code::malformed_request);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), Code::malformed_request);
    EXPECT_EQ(refusal_of("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
              Code::malformed_request);
    EXPECT_EQ(refusal_of("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
              Code::malformed_request);
    EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\n\r\n"), Code::malformed_request);
    EXPECT_EQ(refusal_of("\x16\x03\x01\x02"), Code::malformed_request);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"), Code::malformed_request);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n"), Code::malformed_request);
}

TEST(RequestParser, WantsAHostOfHttp11) {
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\n\r\n"), Code::malformed_request);
    EXPECT_EQ(refusal_of("CONNECT a:1 HTTP/1.1\r\n\r\n"), std::nullopt) << "its target says it";
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost:\r\n\r\n"), std::nullopt);
    EXPECT_EQ(refusal_of("GET / HTTP/1.0\r\n\r\n"), std::nullopt);
}

/// Writes pieces with a pause after each.
boost::asio::awaitable<void> drip(net::PlainStream& stream, std::vector<std::string> pieces,
                                  std::chrono::milliseconds pause) {
    boost::asio::steady_timer timer(stream.executor());
    for (const std::string& piece : pieces) {
        const auto written = co_await stream.write_all(test::as_bytes(piece));
        if (!written) {
            co_return;
        }
        timer.expires_after(pause);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
}

boost::asio::awaitable<void> read_one(net::PlainStream& stream, RequestLimits limits,
                                      std::chrono::milliseconds first,
                                      std::optional<Result<Request>>& outcome) {
    RequestReader reader(stream, limits);
    outcome = co_await reader.next(first);
    if (outcome->has_error()) {
        // The stream is still good for saying so.
        const std::string word = "no";
        const auto told = co_await stream.write_all(test::as_bytes(word));
        EXPECT_TRUE(told.has_value());
    }
}

Code failure_of(std::vector<std::string> pieces, std::chrono::milliseconds pause, RequestLimits limits,
                std::chrono::milliseconds first) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::optional<Result<Request>> outcome;
    test::run_both(loop, read_one(pair.a, limits, first, outcome), drip(pair.b, std::move(pieces), pause));
    return outcome->has_error() ? outcome->error().code : Code::internal;
}

TEST(RequestReader, CutsAPeerThatSendsNothing) {
    EXPECT_EQ(failure_of({}, 0ms, RequestLimits{}, 50ms), Code::timed_out);
}

TEST(RequestReader, CutsAHeadThatDripsAlthoughEachByteComesInTime) {
    RequestLimits limits;
    limits.head_timeout = 200ms;
    const std::vector<std::string> pieces(20, "G");
    EXPECT_EQ(failure_of(pieces, 30ms, limits, 10s), Code::timed_out);
}

TEST(RequestReader, CutsABodyThatDrips) {
    RequestLimits limits;
    limits.body_timeout = 100ms;
    std::vector<std::string> pieces = {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n"};
    pieces.resize(10, "x");
    EXPECT_EQ(failure_of(pieces, 30ms, limits, 10s), Code::timed_out);
}

TEST(RequestReader, RefusesAHeadWithoutEnd) {
    const std::vector<std::string> pieces(20, "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'a'));
    EXPECT_EQ(failure_of({pieces[0] + std::string(20'000, 'b')}, 0ms, RequestLimits{}, 10s),
              Code::request_too_large);
}

boost::asio::awaitable<void> read_three(net::PlainStream& stream, std::vector<std::string>& targets,
                                        std::string& rest) {
    RequestReader reader(stream, RequestLimits{});
    for (int i = 0; i < 3; ++i) {
        const auto request = co_await reader.next(10s);
        if (!request) {
            co_return;
        }
        targets.emplace_back(request.value().target());
    }
    rest = reader.take_rest();
    const auto more = co_await reader.next(10s);
    EXPECT_EQ(more.error().code, Code::end_of_stream);
    EXPECT_TRUE(reader.is_between_requests());
}

boost::asio::awaitable<void> send_and_end(net::PlainStream& stream, std::string text) {
    co_await stream.write_all(test::as_bytes(text));
    co_await stream.shutdown_send();
}

TEST(RequestReader, ReadsPipelinedRequestsAndKeepsTheRest) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::vector<std::string> targets;
    std::string rest;
    const std::string text =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyCONNECT "
        "db:1 HTTP/1.1\r\nHost: a\r\n\r\nearly bytes";
    test::run_both(loop, read_three(pair.a, targets, rest), send_and_end(pair.b, text));
    EXPECT_EQ(targets, (std::vector<std::string>{"/1", "/2", "db:1"}));
    EXPECT_EQ(rest, "early bytes");
}

boost::asio::awaitable<void> write_answer(net::PlainStream& stream, Response response) {
    co_await write_response(stream, std::move(response));
    const std::string id = "0193";
    co_await write_connected(stream, id);
    co_await stream.shutdown_send();
}

boost::asio::awaitable<void> collect(net::PlainStream& stream, std::string& text) {
    text = co_await test::read_to_end(stream);
}

TEST(Response, SaysItsLengthAndNoMoreThanItShould) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::string text;
    test::run_both(loop, write_answer(pair.a, json_response(200, "{}")), collect(pair.b, text));
    EXPECT_NE(text.find("HTTP/1.1 200 OK\r\n"), std::string::npos);
    EXPECT_NE(text.find("Content-Length: 2\r\n"), std::string::npos);
    // The tunnel's answer is not from here: what comes behind it is.
    const auto date = text.find("\r\nDate: ");
    ASSERT_NE(date, std::string::npos);
    EXPECT_TRUE(from_http_date(text.substr(date + 8, 29))) << text;
    EXPECT_EQ(text.find("\r\nDate: ", date + 1), std::string::npos);
    EXPECT_NE(text.find("\r\n\r\n{}HTTP/1.1 200 Connection Established\r\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("Postern-Connection: 0193\r\n\r\n"));
}

TEST(Response, SendsASharedBodyBehindItsHead) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::string text;
    Response response = json_response(200, "");
    response.shared_body = std::make_shared<const std::string>(100'000, 'x');
    test::run_both(loop, write_answer(pair.a, std::move(response)), collect(pair.b, text));
    EXPECT_NE(text.find("Content-Length: 100000\r\n"), std::string::npos);
    EXPECT_NE(text.find("\r\n\r\n" + std::string(100'000, 'x') + "HTTP/1.1 200 "), std::string::npos);
}

TEST(Response, SendsNoSharedBodyWhereThereIsNone) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    std::string text;
    Response response = json_response(304, "");
    response.shared_body = std::make_shared<const std::string>("x");
    test::run_both(loop, write_answer(pair.a, std::move(response)), collect(pair.b, text));
    EXPECT_NE(text.find("\r\n\r\nHTTP/1.1 200 "), std::string::npos);
}

std::size_t allocated() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

/// Takes nothing of the answer, and leaves when it is under way.
boost::asio::awaitable<void> look(net::PlainStream& stream, std::size_t& used) {
    co_await stream.wait_readable();
    used = allocated();
    stream.close();
}

TEST(Response, CopiesNoSharedBody) {
    boost::asio::io_context loop;
    test::Pair pair = test::connected_pair(loop);
    Response response = json_response(200, "");
    response.shared_body = std::make_shared<const std::string>(64U << 20, 'x');
    const std::size_t before = allocated();
    std::size_t used = 0;
    test::run_both(loop, write_answer(pair.a, std::move(response)), look(pair.b, used));
    EXPECT_LT(used, before + (8U << 20));
}

TEST(Problem, ComesBackAsItWasTold) {
    const Problem problem{Code::policy_denied, "alice may not use \"orders\".", "Ask for the group.",
                          "0193-id"};
    const auto read = problem_from_json(to_json(problem));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read.value().code, problem.code);
    EXPECT_EQ(read.value().title, problem.title);
    EXPECT_EQ(read.value().hint, problem.hint);
    EXPECT_EQ(read.value().connection_id, problem.connection_id);
    EXPECT_EQ(reason_of(Code::policy_denied).http_status, 403u);
}

TEST(Problem, RefusesWhatIsNone) {
    EXPECT_TRUE(problem_from_json("").has_error());
    EXPECT_TRUE(problem_from_json("[1]").has_error());
    EXPECT_TRUE(problem_from_json("{\"title\":3}").has_error());
    EXPECT_EQ(problem_from_json(R"({"title":"t","code":"new_in_a_later_version"})").value().code,
              Code::internal);
}

}  // namespace
}  // namespace postern::http
