// The login's key in the desktop's keyring: a real gnome-keyring on a D-Bus of its own.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/shared_stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

/// A session bus and a keyring, as a desktop has them for one person.
class Desktop {
public:
    explicit Desktop(const fs::path& folder)
        : folder_(folder),
          bus_({"dbus-daemon", "--session", "--nofork", "--print-address=1",
                fmt::format("--address=unix:path={}/bus", folder.string())},
               in(folder)) {
        bus_.wait_for_out("unix:path");
        ProcessOptions options = in(folder_);
        options.environment.merge(environment());
        options.input = "the desktop's password";
        keyring_ = std::make_unique<Process>(std::vector<std::string>{"gnome-keyring-daemon", "--foreground",
                                                                      "--components=secrets", "--unlock"},
                                             options);
        EXPECT_TRUE(eventually([&] { return has_default_collection(); })) << keyring_->err();
    }
    /// It has its name on the bus before it has that. The question must not make the bus start another
    /// keyring.
    bool has_default_collection() const {
        const std::string address = fmt::format("--address=unix:path={}/bus", folder_.string());
        return run({"busctl", "--auto-start=no", address, "call", "org.freedesktop.secrets",
                    "/org/freedesktop/secrets", "org.freedesktop.Secret.Service", "ReadAlias", "s",
                    "default"})
                   .out.find("/org/freedesktop/secrets/") != std::string::npos;
    }

    std::map<std::string, std::string> environment() const {
        return {{"DBUS_SESSION_BUS_ADDRESS", fmt::format("unix:path={}/bus", folder_.string())}};
    }
    /// What another program of the person finds there.
    ProcessResult search() const {
        ProcessOptions options = in(folder_);
        options.environment.merge(environment());
        return run({"secret-tool", "search", "--all", "xdg:schema", "org.postern.LoginKey"}, options);
    }

private:
    static ProcessOptions in(const fs::path& folder) {
        fs::create_directories(folder / "run");
        fs::permissions(folder / "run", fs::perms::owner_all);
        ProcessOptions options;
        options.environment = {
            {"HOME", folder}, {"XDG_RUNTIME_DIR", folder / "run"}, {"XDG_DATA_HOME", folder / "data"}};
        return options;
    }

    fs::path folder_;
    Process bus_;
    std::unique_ptr<Process> keyring_;
};

class KeyringKeys : public SharedStack {
protected:
    static Laptop laptop(const std::string& user = "alice") {
        Laptop laptop = SharedStack::laptop(user);
        fs::create_directories(laptop.config());
        std::ofstream(laptop.config() / "config.toml") << "[key]\nstore = \"keyring\"\n";
        return laptop;
    }
    static fs::path desktop_folder() {
        static int desktops = 0;
        const fs::path folder = stack_->folder() / ("desktop-" + std::to_string(++desktops));
        fs::create_directories(folder);
        return folder;
    }
    static ProcessResult login(const Laptop& laptop, const Desktop& desktop,
                               const std::string& password = {}) {
        ProcessOptions options;
        options.environment = desktop.environment();
        options.input = (password.empty() ? Stack::password_of(laptop.user()) : password) + "\n";
        return laptop.postern({"login", "--ca", stack_->ca_url(), "--fingerprint", stack_->fingerprint(),
                               "--user", laptop.user(), "--password-stdin"},
                              options);
    }
    static ProcessResult postern(const Laptop& laptop, const Desktop& desktop,
                                 std::vector<std::string> arguments) {
        ProcessOptions options;
        options.environment = desktop.environment();
        return laptop.postern(std::move(arguments), options);
    }
};

TEST_F(KeyringKeys, LogInConnectAndGoWithTheLogout) {
    const Desktop desktop(desktop_folder());
    const Laptop alice = laptop();
    const ProcessResult logged_in = login(alice, desktop);
    ASSERT_EQ(logged_in.exit_code, 0) << logged_in.err;
    EXPECT_THAT(content_of(alice.key()), HasSubstr("POSTERN KEYRING KEY"));
    EXPECT_THAT(content_of(alice.key()), Not(HasSubstr("PRIVATE KEY")));
    EXPECT_THAT(desktop.search().out, HasSubstr("Postern login key of alice"));
    EXPECT_THAT(postern(alice, desktop, {"status"}).out, HasSubstr("key          in the desktop's keyring"));
    const int port = free_port();
    const ProcessResult connected =
        postern(alice, desktop, {"connect", fmt::format("orders-db:{}", port), "--background"});
    ASSERT_EQ(connected.exit_code, 0) << connected.err;
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    // An agent that starts anew finds it there.
    ASSERT_EQ(postern(alice, desktop, {"agent", "--stop"}).exit_code, 0);
    ASSERT_EQ(
        postern(alice, desktop, {"connect", fmt::format("orders-db:{}", port), "--background"}).exit_code, 0);
    EXPECT_EQ(psql(port, "select 'let in'").out, "let in\n");
    // A second login leaves one key, a logout none.
    ASSERT_EQ(login(alice, desktop).exit_code, 0);
    const std::string found = desktop.search().out;
    EXPECT_EQ(found.find("Postern login key"), found.rfind("Postern login key")) << found;
    ASSERT_EQ(postern(alice, desktop, {"logout"}).exit_code, 0);
    EXPECT_THAT(desktop.search().out, Not(HasSubstr("Postern login key")));
    postern(alice, desktop, {"agent", "--stop"});
}

TEST_F(KeyringKeys, AreNotLeftBehindByALoginThatCameToNothing) {
    const Desktop desktop(desktop_folder());
    const Laptop bob = laptop("bob");
    EXPECT_EQ(login(bob, desktop, "wrong").exit_code, 4);
    EXPECT_THAT(desktop.search().out, Not(HasSubstr("Postern login key")));
    postern(bob, desktop, {"agent", "--stop"});
}

TEST_F(KeyringKeys, AreNotToBeHadWithoutTheKeyring) {
    Desktop desktop(desktop_folder());
    const Laptop carol = laptop("carol");
    ASSERT_EQ(login(carol, desktop).exit_code, 0);
    ASSERT_EQ(postern(carol, desktop, {"agent", "--stop"}).exit_code, 0);
    // A copied profile, at another desktop.
    const Desktop elsewhere(desktop_folder() / "elsewhere");
    const ProcessResult copied = postern(carol, elsewhere, {"services"});
    EXPECT_NE(copied.exit_code, 0);
    EXPECT_THAT(copied.err, HasSubstr("keyring"));
    ASSERT_EQ(postern(carol, elsewhere, {"agent", "--stop"}).exit_code, 0);
    // No bus at all.
    ProcessOptions options;
    options.environment = {{"DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent"}};
    const ProcessResult alone = carol.postern({"services"}, options);
    EXPECT_NE(alone.exit_code, 0);
    EXPECT_THAT(alone.err, HasSubstr("the desktop's keyring cannot be used"));
    EXPECT_THAT(alone.err, HasSubstr("hint:"));
    carol.postern({"agent", "--stop"}, options);
    // And at home again.
    EXPECT_EQ(postern(carol, desktop, {"services"}).exit_code, 0);
    postern(carol, desktop, {"agent", "--stop"});
}

}  // namespace
}  // namespace postern::test
