// SIGTERM to the real program: what keeps it, what does not, and what its exit code says.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "audit/log_path.hpp"
#include "support/notify_socket.hpp"
#include "support/process.hpp"
#include "support/stack.hpp"
#include "unit/gateway_fixture.hpp"

namespace postern::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class GatewayStop : public GatewayFixture {
protected:
    void run_program(const std::string& gateway_lines = {}) {
        more_gateway_ = gateway_lines;
        write_config(service("echo", echo_port()) + rule("echo"));
        test::ProcessOptions options;
        options.environment = environment_;
        program_.emplace(std::vector<std::string>{test::program("postern-gateway"), "serve", "--config",
                                                  folder_ / "gateway.toml"},
                         options);
        program_->wait_for_err("event=gateway.listening");
        const std::string log = program_->err();
        own_port_ = static_cast<unsigned short>(std::stoi(log.substr(log.find("listening port=") + 15)));
        ASSERT_TRUE(eventually([&] {
            return Visitor(own_port_, client("nobody")).ask("GET /v1/services").status == 200;
        })) << "no CRL came";
    }
    std::string last_record() const {
        std::ifstream file(folder_ / "audit.jsonl");
        std::string last;
        for (std::string line; std::getline(file, line);) {
            last = line;
        }
        return last;
    }

    std::map<std::string, std::string> environment_;
    std::optional<test::Process> program_;
    unsigned short own_port_ = 0;
};

TEST_F(GatewayStop, IsAtOnceWhenThereIsNoTunnelWhateverElseIsConnectedAndWhetherTheCaAnswersOrNot) {
    run_program();
    Visitor warm(own_port_, client("alice"));
    Visitor kept_alive(own_port_, client("alice"));
    ASSERT_EQ(kept_alive.ask("GET /v1/services").status, 200U);
    const UniqueFd silent = connect_to(own_port_);
    is_ca_holding_ = true;
    // The gateway waits for this answer for five seconds, and then asks once more.
    ASSERT_TRUE(eventually([&] { return held_ > 0; }));
    program_->signal(SIGTERM);
    const auto code = program_->wait(3s);
    ASSERT_TRUE(code) << program_->err();
    EXPECT_EQ(*code, 0) << program_->err();
    EXPECT_TRUE(warm.is_closed());
    EXPECT_TRUE(kept_alive.is_closed());
    EXPECT_NE(last_record().find("\"checkpoint\""), std::string::npos) << last_record();
    EXPECT_EQ(count("connection.rejected", "shutting_down"), 1U) << "the handshake that was under way";
}

TEST_F(GatewayStop, AUserSignalBeginsANewAuditFileAndEndsNothing) {
    run_program();
    Visitor alice(own_port_, client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    program_->signal(SIGUSR1);
    program_->wait_for_err("event=audit.rotated");
    EXPECT_EQ(audit::rotated_files(folder_ / "audit.jsonl").size(), 1U);
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    EXPECT_EQ(test::run({test::program("postern-audit"), "verify", folder_ / "audit.jsonl"}).exit_code, 0);
}

TEST_F(GatewayStop, WaitsForATunnelAndNoLongerThanForThat) {
    run_program();
    Visitor alice(own_port_, client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    Visitor warm(own_port_, client("bob"));
    program_->signal(SIGTERM);
    EXPECT_TRUE(warm.is_closed());
    alice.send("still here");
    EXPECT_EQ(alice.read(10), "still here");
    EXPECT_TRUE(program_->is_running());
    alice.shut_down();
    EXPECT_TRUE(alice.is_closed());
    const auto code = program_->wait(3s);
    ASSERT_TRUE(code) << program_->err();
    EXPECT_EQ(*code, 0);
}

TEST_F(GatewayStop, AsksTheServiceManagerForTheTimeThatTheDrainTakes) {
    const test::NotifySocket systemd(folder_ / "notify");
    environment_ = {{"NOTIFY_SOCKET", folder_ / "notify"}};
    run_program();
    EXPECT_TRUE(systemd.is_told("READY=1"));
    Visitor alice(own_port_, client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    program_->signal(SIGTERM);
    EXPECT_TRUE(systemd.is_told("STOPPING=1"));
    EXPECT_TRUE(systemd.is_told("EXTEND_TIMEOUT_USEC=30000000"));
    EXPECT_TRUE(systemd.is_told("EXTEND_TIMEOUT_USEC=30000000")) << "again and again";
    alice.shut_down();
    EXPECT_EQ(program_->wait(3s), 0);
}

TEST_F(GatewayStop, CutsWhatIsLeftWhenTheDrainEndsAndSaysSo) {
    run_program("drain_timeout = \"200ms\"\n");
    Visitor alice(own_port_, client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    program_->signal(SIGTERM);
    EXPECT_TRUE(alice.is_closed());
    const auto code = program_->wait(5s);
    ASSERT_TRUE(code) << program_->err();
    EXPECT_EQ(*code, 6);
    EXPECT_EQ(wait_for("connection.closed", "shutting_down")["postern"]["closed_by"], "gateway");
}

/// Somebody who installs a certificate tells the gateway to read it again, whether it has got that far or
/// not.
TEST_F(GatewayStop, IsNotWhatAHangupMeansWhileItStarts) {
    write_config(service("echo", echo_port()) + rule("echo"));
    // It starts with warnings, which nobody takes yet.
    const std::string pipe = folder_ / "log.fifo";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const UniqueFd reader(::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    std::string block(4096, 'x');
    while (::write(reader.get(), block.data(), block.size()) > 0) {
    }
    program_.emplace(std::vector<std::string>{"/bin/sh", "-c", "exec \"$0\" serve --config \"$1\" 2>\"$2\"",
                                              test::program("postern-gateway"), folder_ / "gateway.toml",
                                              pipe});
    const auto has_handler = [&] {
        const std::string status = test::content_of(fmt::format("/proc/{}/status", program_->pid()));
        const auto at = status.find("SigCgt:");
        return at != std::string::npos &&
               (std::stoull(status.substr(at + 7), nullptr, 16) & (1ULL << (SIGHUP - 1))) != 0;
    };
    EXPECT_TRUE(eventually(has_handler));
    EXPECT_FALSE(fs::exists(folder_ / "audit.jsonl"));
    program_->signal(SIGHUP);
    // Now its warnings are read.
    EXPECT_TRUE(eventually([&] {
        while (::read(reader.get(), block.data(), block.size()) > 0) {
        }
        return count("config.reloaded") == 1;
    }));
    EXPECT_TRUE(program_->is_running());
    program_->signal(SIGTERM);
    EXPECT_EQ(program_->wait(5s), 0);
}

TEST_F(GatewayStop, ASecondSignalCutsAtOnce) {
    run_program("drain_timeout = \"1h\"\n");
    Visitor alice(own_port_, client("alice"));
    ASSERT_EQ(alice.ask("CONNECT echo:7").status, 200U);
    program_->signal(SIGTERM);
    program_->wait_for_err("event=gateway.draining");
    program_->signal(SIGTERM);
    EXPECT_TRUE(alice.is_closed());
    const auto code = program_->wait(5s);
    ASSERT_TRUE(code) << program_->err();
    EXPECT_EQ(*code, 6);
}

}  // namespace
}  // namespace postern::gateway
