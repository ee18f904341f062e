// Whatever the service answers that is no success, the audit log tells of.
#include <algorithm>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "ca-service/store/sessions.hpp"
#include "ca-service/store/tokens.hpp"
#include "pki/digest.hpp"
#include "unit/ca_service_fixture.hpp"

namespace postern::ca {
namespace {

using gateway::ClientContext;
using gateway::Visitor;
using nlohmann::json;
using testing::Contains;

class CaRefusals : public CaService {
protected:
    /// How many refusals the log tells of: with records of their own, and counted.
    std::size_t told() {
        service_->tick();
        std::size_t count = 0;
        std::istringstream log(test::read(ca_ / "audit.jsonl"));
        for (std::string line; std::getline(log, line);) {
            const json record = parse_json(line);
            const std::size_t more = record["postern"].value("more", std::size_t{0});
            count += more > 0 ? more : (record["event"]["outcome"] == "failure" ? 1 : 0);
        }
        return count;
    }
    /// The log is written by a thread that an answer does not wait for where the connection failed.
    bool tells_of(std::size_t count) {
        return eventually([&] { return told() == count; });
    }
    ClientContext stranger() const {
        return ClientContext({}, nullptr, pki::TrustBundle::load(ca_ / "server-ca.pem").value());
    }
    ClientContext bearer(const net::TlsCredentials& credentials) const {
        return ClientContext(credentials.chain, credentials.key.get(),
                             pki::TrustBundle::load(ca_ / "server-ca.pem").value());
    }
    unsigned ask(const ClientContext& who, const std::string& request, const std::string& body) const {
        Visitor visitor(service_->port(), who);
        return visitor.ask(request, "Content-Length: " + std::to_string(body.size()) + "\r\n", body).status;
    }
};

TEST_F(CaRefusals, EachHasARecord) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    const ClientContext alice = bearer(credentials);
    struct Case {
        const ClientContext& who;
        std::string request;
        std::string body;
        unsigned status;
        std::string record;
    };
    const ClientContext nobody = stranger();
    const std::string csr = json{{"csr", csr_}}.dump();
    const std::vector<Case> before{
        {nobody, "POST /v1/login", "{}", 400, "login.failed:malformed_request"},
        {nobody, "POST /v1/login", json{{"username", "alice"}, {"password", "wrong"}, {"csr", csr_}}.dump(),
         401, "login.failed:unauthenticated"},
        {nobody, "POST /v1/login",
         json{{"username", "alice"}, {"password", "correct horse"}, {"csr", "-"}}.dump(), 400,
         "login.failed:malformed_request"},
        {nobody, "POST /v1/renew", csr, 401, "certificate.refused:no_certificate"},
        {alice, "POST /v1/renew", "no json", 400, "certificate.refused:malformed_request"},
        {alice, "POST /v1/renew", json{{"csr", "no csr"}}.dump(), 400,
         "certificate.refused:malformed_request"},
        {nobody, "POST /v1/logout", "", 401, "request.refused:no_certificate"},
        {nobody, "POST /v1/enroll", "[]", 400, "certificate.refused:malformed_request"},
        {nobody, "POST /v1/enroll", json{{"token", "guessed"}, {"csr", csr_}}.dump(), 401,
         "certificate.refused:unauthenticated"},
        {nobody, "GET /v1/nothing", "", 404, "request.refused:not_found"},
        {alice, "GET /v1/nothing", "", 404, "request.refused:not_found"},
        {nobody, "GET /v1/login", "", 405, "request.refused:not_found"},
        {nobody, "DELETE /v1/crl", "", 405, "request.refused:not_found"},
        {nobody, "BREW /v1/login", "", 405, "request.refused:not_found"},
        {nobody, "POST /v1/login", std::string(70'000, 'x'), 413, "connection.rejected:request_too_large"},
        {nobody, "GET  /v1/crl", "", 400, "connection.rejected:malformed_request"},
    };
    std::size_t refused = 0;
    const auto refuses = [&](const Case& one) {
        const auto records_before = records();
        EXPECT_EQ(ask(one.who, one.request, one.body), one.status) << one.request;
        EXPECT_TRUE(tells_of(++refused)) << one.request << " " << told() << " of " << refused;
        const auto all = records();
        EXPECT_THAT(std::vector(all.begin() + static_cast<std::ptrdiff_t>(records_before.size()), all.end()),
                    Contains(one.record))
            << one.request;
    };
    for (const Case& one : before) {
        refuses(one);
    }
    ASSERT_EQ(run({"--dir", ca_, "cert", "revoke", credentials.chain.front().serial()}).exit_code, 0);
    refuses({alice, "POST /v1/renew", csr, 403, "certificate.refused:revoked"});
    refuses({alice, "POST /v1/logout", "", 403, "request.refused:revoked"});
    // They name whose certificate it is.
    const auto log = test::read(ca_ / "audit.jsonl");
    const json last = parse_json(log.substr(log.rfind('\n', log.size() - 2) + 1));
    EXPECT_EQ(last["user"]["name"], "alice");
    EXPECT_EQ(last["tls"]["client"]["x509"]["serial_number"], credentials.chain.front().serial());
    EXPECT_EQ(ask(nobody, "GET /v1/crl", ""), 200U);
    EXPECT_EQ(told(), refused) << "a success is no refusal";
}

TEST_F(CaRefusals, ALaterRequestOfAConnectionHasOneToo) {
    Config settings = config();
    settings.http.request.head_timeout = std::chrono::milliseconds(300);
    start(settings);
    const ClientContext nobody = stranger();
    std::size_t refused = 0;
    for (const auto& [request, status] :
         {std::pair("GET  /v1/crl HTTP/1.1\r\n\r\n", 400U), std::pair("GET /v1/crl HT", 408U),
          std::pair("POST /v1/login HTTP/1.1\r\nHost: ca\r\nContent-Length: 70000\r\n\r\n", 413U)}) {
        Visitor visitor(service_->port(), nobody);
        ASSERT_EQ(visitor.ask("GET /v1/trust").status, 200U);
        visitor.send(request);
        EXPECT_EQ(visitor.answer().status, status) << request;
        EXPECT_TRUE(tells_of(++refused)) << request << told();
    }
    Visitor done(service_->port(), nobody);
    ASSERT_EQ(done.ask("GET /v1/trust").status, 200U);
    done.shut_down();
    EXPECT_TRUE(done.is_closed());
    EXPECT_EQ(told(), refused) << "who has asked and leaves is not refused";
}

TEST_F(CaRefusals, SoDoGuessesThatMustWaitAndRequestsForWhichThereIsNoWorker) {
    Config settings = config();
    settings.request_workers = 1;
    settings.request_queue = 1;
    start(settings);
    std::size_t refused = guess_until_they_wait([&] { return login("alice", "guess").status; });
    EXPECT_TRUE(tells_of(refused)) << told();
    EXPECT_THAT(records(), Contains("login.failed:limit_reached"));
    {
        // A token that is known needs the store's lock, for which the worker waits.
        store::EnrolmentToken known;
        const Secret token = pki::random_token(32);
        known.hash = store::token_hash(token);
        known.name = "gw1";
        known.dns_names = {"gw1.example.org"};
        known.created_at = system_clock()();
        known.expires_at = known.created_at + std::chrono::hours(1);
        ASSERT_TRUE(store::add_token(*database_, known));
        auto lock = store::Transaction::write(*database_).value();
        const json body{{"token", token.reveal()}, {"csr", csr_}};
        std::atomic<std::size_t> busy = 0;
        std::vector<std::thread> all;
        for (int i = 0; i < 6; ++i) {
            all.emplace_back(
                [&] { busy += client().post_json("/v1/enroll", json_text(body)).value().status == 503 ? 1 : 0; });
        }
        EXPECT_TRUE(eventually([&] { return busy >= 1; }));
        ASSERT_TRUE(lock.commit());
        for (std::thread& one : all) {
            one.join();
        }
        // One was the first.
        refused += all.size() - 1;
    }
    EXPECT_TRUE(tells_of(refused)) << told() << " of " << refused;
    EXPECT_THAT(records(), Contains("certificate.refused:unavailable"));
    EXPECT_THAT(records(), Contains("certificate.issued"));
}

TEST_F(CaRefusals, OneCertificateFillsNoDiskWhateverItAsksFor) {
    const auto credentials = credentials_of(login("alice", "correct horse"));
    const ClientContext alice = bearer(credentials);
    // Each of these bytes is written in six.
    const std::string path = "GET /v1/" + std::string(5000, '\xff');
    constexpr std::size_t kAsked = 100;
    const auto size_before = std::filesystem::file_size(ca_ / "audit.jsonl");
    Visitor visitor(service_->port(), alice);
    for (std::size_t i = 0; i < kAsked; ++i) {
        ASSERT_EQ(visitor.ask(path).status, 404U);
    }
    EXPECT_TRUE(tells_of(kAsked)) << told();
    const auto told_by_themselves = records();
    EXPECT_EQ(std::count(told_by_themselves.begin(), told_by_themselves.end(), "request.refused:not_found"),
              10);
    EXPECT_LT(std::filesystem::file_size(ca_ / "audit.jsonl") - size_before, 15U * 4096U);
    EXPECT_NE(test::read(ca_ / "audit.jsonl").find(R"("user":"alice"}])"), std::string::npos)
        << "the record of the others names whose they are";
    // Others are not hidden by it.
    EXPECT_EQ(ask(stranger(), "GET /v1/nothing", ""), 404U);
    EXPECT_EQ(records().back(), "request.refused:not_found");
}

}  // namespace
}  // namespace postern::ca
