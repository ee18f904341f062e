// Login keys that cannot be copied: on a PKCS#11 token (SoftHSM) and in a TPM 2.0 (swtpm). The whole way
// works with them, and what lies on the disk is worth nothing elsewhere.
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

class DeviceKeys : public testing::Test {
protected:
    static void SetUpTestSuite() { stack_ = std::make_unique<Stack>(); }
    static void TearDownTestSuite() { stack_.reset(); }

    static void write_private(const fs::path& path, const std::string& text) {
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
        fs::permissions(path, fs::perms(0600));
    }
    static void configure(const Laptop& laptop, const std::string& key_table) {
        write_private(
            fs::path(laptop.options().environment.at("XDG_CONFIG_HOME")) / "postern" / "config.toml",
            "[key]\n" + key_table);
    }
    static ProcessResult login(const Laptop& laptop, ProcessOptions options) {
        options.input = Stack::password_of(laptop.user()) + "\n";
        // The next agent is of this environment.
        EXPECT_EQ(laptop.postern({"agent", "--stop"}).exit_code, 0);
        return laptop.postern({"login", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint(),
                               "--user", laptop.user(), "--password-stdin"},
                              options);
    }
    // Several connections at a time, on both loops of the agent: handshakes share the device.
    static void expect_tunnels(const Laptop& laptop, const ProcessOptions& options) {
        ProcessOptions all = laptop.options();
        all.environment.insert(options.environment.begin(), options.environment.end());
        const int port = free_port();
        Process agent({program("postern"), "connect", fmt::format("orders-db:{}", port), "--json"}, all);
        agent.wait_for_out(std::to_string(port));
        std::vector<Process> clients;
        for (int i = 0; i < 8; ++i) {
            ProcessOptions client;
            client.environment = {{"PGPASSWORD", laptop.user() + "-password"}};
            clients.emplace_back(
                std::vector<std::string>{"psql", "-X", "-h", "localhost", "-p", std::to_string(port), "-U",
                                         laptop.user(), "-d", "orders", "-Atc", "select 6 * 7"},
                client);
        }
        for (Process& client : clients) {
            EXPECT_EQ(client.wait(std::chrono::seconds(30)), 0) << client.err() << agent.err();
            EXPECT_EQ(client.out(), "42\n");
        }
    }

    static std::unique_ptr<Stack> stack_;
};

std::unique_ptr<Stack> DeviceKeys::stack_;

class TokenKeys : public DeviceKeys {
protected:
    TokenKeys() : folder_(stack_->folder() / "token") {
        fs::remove_all(folder_);
        fs::create_directories(folder_ / "tokens");
        write_private(folder_ / "softhsm2.conf",
                      fmt::format("directories.tokendir = {}\n", (folder_ / "tokens").string()));
        write_private(folder_ / "pin", "5678\n");
        with_token_.environment = {{"SOFTHSM2_CONF", folder_ / "softhsm2.conf"}};
        must({"softhsm2-util", "--init-token", "--free", "--label", "postern", "--so-pin", "1234", "--pin",
              "5678"});
        must({"pkcs11-tool", "--module", kModule, "--login", "--pin", "5678", "--token-label", "postern",
              "--keypairgen", "--key-type", "EC:prime256v1", "--label", "login", "--id", "01"});
    }
    void must(std::vector<std::string> command) const {
        const ProcessResult outcome = run(std::move(command), with_token_);
        ASSERT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
    }
    std::string table(const std::string& object, const std::string& pin_file) const {
        return fmt::format(
            "store = \"pkcs11\"\nuri = \"pkcs11:token=postern;object={};type=private\"\nmodule = \"{}\"\n"
            "pin_file = \"{}\"\n",
            object, kModule, (folder_ / pin_file).string());
    }

    fs::path folder_;
    ProcessOptions with_token_;
};

TEST_F(TokenKeys, LogInAndConnect) {
    const Laptop alice(*stack_, "alice");
    configure(alice, table("login", "pin"));
    const ProcessResult logged_in = login(alice, with_token_);
    ASSERT_EQ(logged_in.exit_code, 0) << logged_in.err;
    EXPECT_THAT(content_of(alice.key()), HasSubstr("POSTERN TOKEN KEY"));
    EXPECT_THAT(content_of(alice.key()), Not(HasSubstr("PRIVATE KEY")));
    EXPECT_THAT(content_of(alice.key()), Not(HasSubstr("5678")));
    expect_tunnels(alice, with_token_);
    const ProcessResult status = alice.postern({"status"}, with_token_);
    EXPECT_THAT(status.out, HasSubstr("key          on a token")) << status.err;

    // Without the token the profile opens nothing.
    ProcessOptions elsewhere;
    write_private(folder_ / "empty.conf", fmt::format("directories.tokendir = {}\n", folder_.string()));
    ASSERT_EQ(alice.postern({"agent", "--stop"}).exit_code, 0);
    elsewhere.environment = {{"SOFTHSM2_CONF", folder_ / "empty.conf"}};
    const ProcessResult refused = alice.postern({"services"}, elsewhere);
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.err, HasSubstr("the token gives no key"));
}

TEST_F(TokenKeys, AreNotUsedWithAWrongPinOrName) {
    const Laptop bob(*stack_, "bob");
    write_private(folder_ / "wrong", "0000\n");
    configure(bob, table("login", "wrong"));
    const ProcessResult wrong_pin = login(bob, with_token_);
    EXPECT_EQ(wrong_pin.exit_code, 3) << wrong_pin.err;
    EXPECT_THAT(wrong_pin.err, HasSubstr("is the PIN right"));
    EXPECT_THAT(wrong_pin.err, HasSubstr("hint: Check [key] in config.toml"));
    configure(bob, table("another", "pin"));
    EXPECT_EQ(login(bob, with_token_).exit_code, 3);
    configure(bob, table("login", "open-pin"));
    write_private(folder_ / "open-pin", "5678\n");
    fs::permissions(folder_ / "open-pin", fs::perms(0644));
    EXPECT_THAT(login(bob, with_token_).err, HasSubstr("chmod"));
    EXPECT_FALSE(fs::exists(bob.certificate()));
}

// A TPM of its own, in a process.
class Tpm {
public:
    explicit Tpm(const fs::path& folder) : port_(free_port()) {
        fs::create_directories(folder);
        // The control channel is the next port, for TCTI and swtpm alike.
        process_ = std::make_unique<Process>(
            std::vector<std::string>{"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + folder.string(),
                                     "--server", fmt::format("type=tcp,port={},bindaddr=127.0.0.1", port_),
                                     "--ctrl", fmt::format("type=tcp,port={},bindaddr=127.0.0.1", port_ + 1),
                                     "--flags", "not-need-init,startup-clear"});
        options_.environment = {{"TPM2OPENSSL_TCTI", fmt::format("swtpm:host=127.0.0.1,port={}", port_)}};
    }
    const ProcessOptions& options() const { return options_; }
    std::string log() const { return process_->out() + process_->err(); }

private:
    int port_;
    std::unique_ptr<Process> process_;
    ProcessOptions options_;
};

TEST_F(DeviceKeys, InATpmLogInAndConnectThereAndNowhereElse) {
    const Laptop carol(*stack_, "carol");
    configure(carol, "store = \"tpm2\"\n");
    const Tpm own(stack_->folder() / "tpm-own");
    ProcessResult logged_in;
    // The first words of a TPM that is just starting may be lost.
    ASSERT_TRUE(eventually([&] {
        logged_in = login(carol, own.options());
        return logged_in.exit_code == 0;
    })) << logged_in.err
        << own.log();
    EXPECT_THAT(content_of(carol.key()), HasSubstr("TSS2 PRIVATE KEY"));
    expect_tunnels(carol, own.options());

    const Tpm other(stack_->folder() / "tpm-other");
    ASSERT_EQ(carol.postern({"agent", "--stop"}).exit_code, 0);
    const ProcessResult refused = carol.postern({"services"}, other.options());
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_THAT(refused.out, Not(HasSubstr("orders-db")));
}

TEST_F(DeviceKeys, AreNotMadeWithoutATpm) {
    const Laptop mallory(*stack_, "mallory");
    configure(mallory, "store = \"tpm2\"\n");
    ProcessOptions options;
    options.environment = {{"TPM2OPENSSL_TCTI", "swtpm:host=127.0.0.1,port=1"}};
    const ProcessResult outcome = login(mallory, options);
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("TPM"));
    EXPECT_FALSE(fs::exists(mallory.key()));
}

}  // namespace
}  // namespace postern::test
