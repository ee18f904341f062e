#include <fcntl.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/connection_id.hpp"
#include "base/duration.hpp"
#include "base/exhaustion.hpp"
#include "base/file.hpp"
#include "base/file_batch.hpp"
#include "base/hex.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/outage.hpp"
#include "base/own_commands.hpp"
#include "base/pace.hpp"
#include "base/printed.hpp"
#include "base/record_budget.hpp"
#include "base/secret.hpp"
#include "base/secret_line.hpp"
#include "base/shown_text.hpp"

namespace postern {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsPairsOfNumberAndUnit) {
    EXPECT_EQ(parse_duration("250ms").value(), 250ms);
    EXPECT_EQ(parse_duration("1h30m").value(), 90min);
    EXPECT_EQ(parse_duration("0s").value(), 0ms);
}

TEST(Duration, RefusesWhatIsNotOne) {
    for (const auto* text :
         {"", "5", "s", "-1s", "1y", "1h ", "99999999999d", "1.5h", "9223372036854775807s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(RecordBudget, GivesOneMinutesWorthAtOnceAndThenEvenly) {
    RecordBudget budget(60);
    auto now = std::chrono::steady_clock::now();
    const auto told = [&](int asked) {
        int itself = 0;
        for (int i = 0; i < asked; ++i) {
            itself += budget.take(now) ? 1 : 0;
        }
        return itself;
    };
    EXPECT_EQ(told(100), 60);
    now += 1s;
    EXPECT_EQ(told(100), 1);
    now += 1h;
    EXPECT_EQ(told(100), 60) << "no more is saved up";
    now -= 1h;
    EXPECT_EQ(told(1), 0);
    budget.set(2);
    now += 2h;
    EXPECT_EQ(told(100), 2);
}

TEST(RecordBudget, CountsTheOthers) {
    RecordBudget budget(1);
    const auto now = std::chrono::steady_clock::now();
    EXPECT_TRUE(budget.take(now));
    EXPECT_EQ(budget.take_untold(), 0U);
    EXPECT_FALSE(budget.take(now));
    EXPECT_FALSE(budget.take(now));
    budget.leave_out();
    EXPECT_EQ(budget.take_untold(), 3U);
    budget.leave_out();
    budget.put_back(3);
    EXPECT_EQ(budget.take_untold(), 4U);
}

TEST(Duration, IsWrittenAsItIsRead) {
    EXPECT_EQ(format_duration(90min), "1h30m");
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(1500ms), "1s500ms");
}

TEST(Time, SurvivesTheRoundTrip) {
    const auto time = parse_time("2026-11-22T12:30:01.000042Z");
    ASSERT_TRUE(time);
    EXPECT_EQ(format_time(*time), "2026-11-22T12:30:01.000042Z");
    EXPECT_EQ(format_time(parse_time("2026-11-22T12:30:01Z").value()), "2026-11-22T12:30:01.000000Z");
    EXPECT_EQ(format_time(parse_time("2026-11-22T12:30:01.5Z").value()), "2026-11-22T12:30:01.500000Z");
}

TEST(Time, BeyondFourDigitsOfAYearIsWrittenAsTheFirstOrLastMomentOfThem) {
    const auto first = parse_time("0000-01-01T00:00:00Z").value();
    const auto last = parse_time("9999-12-31T23:59:59.999999Z").value();
    EXPECT_EQ(format_time(first), "0000-01-01T00:00:00.000000Z");
    EXPECT_EQ(format_time(last), "9999-12-31T23:59:59.999999Z");
    EXPECT_EQ(format_time(first - std::chrono::microseconds(1)), format_time(first));
    EXPECT_EQ(format_time(last + std::chrono::microseconds(1)), format_time(last));
    EXPECT_EQ(format_time(SystemTime::min()), format_time(first));
    EXPECT_EQ(format_time(SystemTime::max()), format_time(last));
}

TEST(Time, RefusesWhatIsNotUtc) {
    for (const auto* text :
         {"", "2026-11-22", "2026-11-22T12:30:01+01:00", "2026-13-22T12:30:01Z", "2026-02-30T12:30:01Z",
          "2026-11-22T25:30:01Z", "2026-11-22T12:30:01.Z", "2026-11-22T12:30:01.1234567Z"}) {
        EXPECT_FALSE(parse_time(text)) << text;
    }
}

TEST(ConnectionId, IsAUuidOfVersionSeven) {
    const std::string id = new_connection_id();
    EXPECT_TRUE(is_connection_id(id));
    EXPECT_EQ(id[14], '7');
    EXPECT_NE(id, new_connection_id());
}

TEST(ConnectionId, RefusesOtherText) {
    EXPECT_FALSE(is_connection_id(""));
    EXPECT_FALSE(is_connection_id("0190f3f0-0000-7000-8000-00000000000G"));
    EXPECT_FALSE(is_connection_id("0190F3F0-0000-7000-8000-000000000000"));
}

TEST(Hex, RefusesOddAndForeignDigits) {
    EXPECT_FALSE(from_hex("abc"));
    EXPECT_FALSE(from_hex("zz"));
    EXPECT_EQ(to_hex(from_hex("00Ff").value()), "00ff");
}

TEST(LogText, EscapesAndCutsWhatAPeerSent) {
    EXPECT_EQ(quoted("a\n\"b"), "\"a\\x0a\\x22b\"");
    EXPECT_EQ(quoted("abcdef", 3), "\"abc\"+3");
}

TEST(MemoryReturn, HappensAfterABurstThatCameAndWentBetweenTwoLooks) {
    MemoryReturn memory;
    EXPECT_FALSE(memory.note(10, 20));
    EXPECT_TRUE(memory.note(10, 2000));
    EXPECT_FALSE(memory.note(10, 10));
}

TEST(MemoryReturn, HappensAfterABurstAndOnceMoreBehindIt) {
    MemoryReturn memory;
    EXPECT_FALSE(memory.note(2000));
    EXPECT_FALSE(memory.note(1500));
    EXPECT_TRUE(memory.note(900));
    EXPECT_TRUE(memory.note(0));
    EXPECT_FALSE(memory.note(0));
    EXPECT_FALSE(memory.note(0));
    EXPECT_FALSE(memory.note(0));
    EXPECT_TRUE(memory.note(0));
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(memory.note(i % 2 == 0 ? 0 : 100));
    }
}

class FileTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "postern-file-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

TEST(SecretTest, AMoveTakesTheTextAndLeavesNoneBehind) {
    // A short one lives in the string itself, a long one elsewhere.
    for (const std::string& text : {std::string("short"), std::string(200, 'x')}) {
        Secret from{std::string_view(text)};
        const char* const place = from.reveal().data();
        const bool is_inside = text.size() < sizeof(std::string) / 2;
        Secret to(std::move(from));
        EXPECT_EQ(to.reveal(), text);
        EXPECT_TRUE(from.is_empty());  // NOLINT(bugprone-use-after-move)
        if (is_inside) {
            EXPECT_EQ(std::string_view(place, text.size()), std::string(text.size(), '\0'));
        }
        Secret assigned(std::string_view("something else"));
        assigned = std::move(to);
        EXPECT_EQ(assigned.reveal(), text);
        EXPECT_TRUE(to.is_empty());  // NOLINT(bugprone-use-after-move)
    }
}

TEST_F(FileTest, IsWrittenWholeWithItsMode) {
    const auto path = folder_ / "key";
    ASSERT_TRUE(write_file(path, "secret", 0600));
    ASSERT_TRUE(write_file(path, "secret two", 0600));
    EXPECT_EQ(read_file(path).value(), "secret two");
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_TRUE(check_private(path));
}

TEST_F(FileTest, IsNotReadPastTheBound) {
    ASSERT_TRUE(write_file(folder_ / "large", std::string(100, 'x'), 0600));
    EXPECT_EQ(read_file(folder_ / "large", 99).error().code, Code::request_too_large);
    EXPECT_EQ(read_file(folder_ / "absent").error().code, Code::not_found);
    EXPECT_FALSE(read_file(folder_));
}

TEST_F(FileTest, BatchReplacesAllOrNone) {
    ASSERT_TRUE(write_file(folder_ / "key", "old key", 0600));
    ASSERT_TRUE(write_file(folder_ / "certificate", "old certificate", 0644));
    {
        FileBatch batch;
        ASSERT_TRUE(batch.add(folder_ / "key", "new key", 0600));
        EXPECT_EQ(batch.add(folder_ / "absent" / "certificate", "new certificate", 0644).error().code,
                  Code::not_found);
    }
    EXPECT_EQ(read_file(folder_ / "key").value(), "old key");
    {
        FileBatch batch;
        ASSERT_TRUE(batch.add(folder_ / "key", "new key", 0600));
        ASSERT_TRUE(batch.add(folder_ / "certificate", "new certificate", 0644));
        EXPECT_EQ(read_file(folder_ / "key").value(), "old key");
        ASSERT_TRUE(batch.put());
    }
    EXPECT_EQ(read_file(folder_ / "key").value(), "new key");
    EXPECT_EQ(read_file(folder_ / "certificate").value(), "new certificate");
    const auto files = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(files), end(files)), 2) << "nothing is left over";
}

TEST_F(FileTest, BatchPutsTheOldFilesBackWhereOneCannotTakeItsName) {
    ASSERT_TRUE(write_file(folder_ / "key", "old key", 0600));
    {
        FileBatch batch;
        ASSERT_TRUE(batch.add(folder_ / "key", "new key", 0600));
        ASSERT_TRUE(batch.add(folder_ / "bundle", "new bundle", 0644));
        ASSERT_TRUE(batch.add(folder_ / "certificate", "new certificate", 0644));
        for (const auto& file : std::filesystem::directory_iterator(folder_)) {
            if (file.path().filename().string().starts_with("certificate.")) {
                std::filesystem::remove(file.path());
            }
        }
        EXPECT_FALSE(batch.put());
    }
    EXPECT_EQ(read_file(folder_ / "key").value(), "old key");
    EXPECT_EQ(read_file(folder_ / "bundle").error().code, Code::not_found) << "there was none";
    const auto files = std::filesystem::directory_iterator(folder_);
    EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing is left over";
}

TEST_F(FileTest, BatchTakesNoFolderForAFile) {
    ASSERT_TRUE(create_directory(folder_ / "folder", 0700));
    EXPECT_TRUE(FileBatch::check(folder_ / "file"));
    for (const auto& path :
         {folder_ / "folder", folder_ / "folder/", folder_ / "absent/", folder_ / "absent" / "file",
          folder_ / "folder" / "..", std::filesystem::path()}) {
        EXPECT_FALSE(FileBatch::check(path)) << path;
        FileBatch batch;
        EXPECT_FALSE(batch.add(path, "content", 0600)) << path;
    }
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "folder"));
}

/// What each way of giving it makes of it: the secret, or the failure in brackets.
std::string made_of(const Result<Secret>& secret) {
    return secret ? std::string(secret->reveal()) : "[" + secret.error().detail + "]";
}

TEST_F(FileTest, ASecretIsReadTheSameFromFilePipeInputAndEnvironment) {
    struct Case {
        std::string given;
        std::string token;
        std::string password;
    };
    const std::vector<Case> cases{
        {"plain", "plain", "plain"},
        {"line\n", "line", "line"},
        {"windows\r\n", "windows", "windows"},
        {"\xef\xbb\xbfmarked\n", "marked", "marked"},
        {" blanks around \t\n", "blanks around", " blanks around \t"},
        {"first\nand what it is good for\n", "first", "first"},
        {"caf\xc3\xa9\n", "caf\xc3\xa9", "caf\xc3\xa9"},
        {"caf\xe9\n", "[X is not UTF-8 text]", "[X is not UTF-8 text]"},
        {std::string("a\0b\n", 4), "[X is not UTF-8 text]", "[X is not UTF-8 text]"},
        {"\xff\xfe"
         "a\n",
         "[X is in UTF-16: write it as UTF-8]", "[X is in UTF-16: write it as UTF-8]"},
        {"\xc0\x80", "[X is not UTF-8 text]", "[X is not UTF-8 text]"},
        {"\xed\xa0\x80", "[X is not UTF-8 text]", "[X is not UTF-8 text]"},
        {"", "[X is empty]", "[X is empty]"},
        {"\n", "[X is empty]", "[X is empty]"},
        {"\xef\xbb\xbf\r\n", "[X is empty]", "[X is empty]"},
        {" \t\n", "[X is empty]", " \t"},
    };
    const auto named = [](std::string text, const std::string& source) {
        const auto at = text.find("[X ");
        return at == std::string::npos ? text : text.replace(at + 1, 1, source);
    };
    for (const Case& given : cases) {
        for (const SecretKind kind : {SecretKind::token, SecretKind::password}) {
            const std::string expected = kind == SecretKind::token ? given.token : given.password;
            const auto file = folder_ / "secret";
            ASSERT_TRUE(write_file(file, given.given, 0600));
            EXPECT_EQ(made_of(read_secret_file(file, kind)), named(expected, file.string()));
            int ends[2] = {-1, -1};
            ASSERT_EQ(::pipe(ends), 0);
            ASSERT_EQ(::write(ends[1], given.given.data(), given.given.size()), ssize_t(given.given.size()));
            ::close(ends[1]);
            const std::string pipe = fmt::format("/dev/fd/{}", ends[0]);
            EXPECT_EQ(made_of(read_secret_file(pipe, kind)), named(expected, pipe));
            ::close(ends[0]);
            EXPECT_EQ(made_of(secret_of(Secret(std::string_view(given.given)), kind, "TOKEN")),
                      named(expected, "TOKEN"));
        }
    }
    EXPECT_EQ(read_secret_file(folder_ / "absent", SecretKind::token).error().code, Code::not_found);
    EXPECT_EQ(read_secret_file(folder_, SecretKind::token).error().code, Code::io_failed);
    ASSERT_TRUE(write_file(folder_ / "long", std::string(5000, 'x'), 0600));
    EXPECT_EQ(read_secret_file(folder_ / "long", SecretKind::token).error().code, Code::request_too_large);
}

TEST_F(FileTest, ANamedPipeIsWaitedFor) {
    const auto pipe = folder_ / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    std::thread writer([&] {
        const int fd = ::open(pipe.c_str(), O_WRONLY | O_CLOEXEC);
        EXPECT_EQ(::write(fd, "secret\n", 7), 7);
        ::close(fd);
    });
    EXPECT_EQ(made_of(read_secret_file(pipe, SecretKind::password)), "secret");
    writer.join();
}

/// The exit code of a process whose standard output is that file, after it has printed so many bytes.
int printed_to(const char* path, std::size_t bytes, int own_code = 0) {
    // What this process has not printed yet is not the other's.
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::open(path, O_WRONLY), STDOUT_FILENO);
        ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);
        ::_exit(deliver("program", 7, [&] {
            fmt::print(stdout, "{}", std::string(bytes, 'x'));
            return own_code;
        }));
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Printed, IsDeliveredOrTheProgramFails) {
    // Less and more than the stream holds back.
    for (const std::size_t bytes : {std::size_t{10}, std::size_t{1} << 20}) {
        EXPECT_EQ(printed_to("/dev/full", bytes), 7);
        EXPECT_EQ(printed_to("/dev/null", bytes), 0);
    }
    EXPECT_EQ(printed_to("/dev/full", 10, 3), 3) << "it failed before";
    EXPECT_EQ(printed_to("/dev/full", 0), 0) << "nothing is lost";
}

// The first write met the error, long before anybody asks for it, and what was behind it is gone with it.
TEST(Deliver, TellsWhyWhicheverWriteMetIt) {
    std::fflush(stdout);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(::open("/dev/full", O_WRONLY), STDOUT_FILENO);
        ::dup2(ends[1], STDERR_FILENO);
        ::_exit(deliver("program", 7, [] {
            std::puts("a line");
            std::fflush(stdout);
            errno = 0;
            return 0;
        }));
    }
    ::close(ends[1]);
    std::array<char, 200> told{};
    const ssize_t size = ::read(ends[0], told.data(), told.size());
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_EQ(std::string(told.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))),
              "program: error: cannot write what was to be printed: No space left on device\n");
}

std::string said(const std::function<void(std::FILE*)>& say_it) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* const out = ::open_memstream(&text, &size);
    say_it(out);
    std::fclose(out);
    std::string copy(text, size);
    std::free(text);
    return copy;
}

TEST(Say, LeavesLineBreaksToTheFormatAndShowsWhatIsInItsTexts) {
    const std::string evil = "a\x1b[2J\nhint: b\u202e";
    EXPECT_EQ(said([&](std::FILE* out) { say_to(out, "{}\n{:<4}{}\n", evil, "ü", 5); }),
              "a\\x1b[2J\\nhint: b\\u202e\nü   5\n");
}

TEST(JsonText, IsAsciiWhateverIsInIt) {
    const nlohmann::json told{{"evil", "\x1b\x7f\u009b\u202e\xff"}};
    EXPECT_EQ(ascii_json_text(told), R"({"evil":"\u001b\u007f\u009b\u202e\ufffd"})");
}

// As `postern … | true`, whose reader may be gone before the first line.
TEST(Deliver, TakesAReaderThatHasGoneForNoErrorWhicheverWriteMetIt) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ::close(ends[0]);
    const pid_t child = ::fork();
    if (child == 0) {
        ::signal(SIGPIPE, SIG_IGN);
        ::dup2(ends[1], STDOUT_FILENO);
        ::_exit(deliver("program", 7, [] {
            std::puts("the first");
            std::fflush(stdout);
            errno = 0;
            return 0;
        }));
    }
    ::close(ends[1]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Pace, DoublesUpToItsBoundAndBeginsAnewOnceItHelped) {
    Pace pace({1s, 5s}, [] { return 0.0; });
    Pace::Time now{1h};
    EXPECT_TRUE(pace.is_due(now));
    EXPECT_EQ(pace.failed(now), 1s);
    EXPECT_FALSE(pace.is_due(now + 999ms));
    EXPECT_TRUE(pace.is_due(now + 1s));
    EXPECT_EQ(pace.failed(now), 2s);
    EXPECT_EQ(pace.failed(now), 4s);
    EXPECT_EQ(pace.failed(now), 5s);
    EXPECT_EQ(pace.failed(now), 5s);
    pace.worked();
    EXPECT_TRUE(pace.is_due(now));
    EXPECT_EQ(pace.failed(now), 1s);
}

TEST(Pace, LeavesOutUpToHalfOfAPauseByChance) {
    Pace pace({1s, 1s}, [] { return 0.999; });
    EXPECT_EQ(pace.failed(Pace::Time()), 501ms);
    Pace random({1s, 1s});
    for (int i = 0; i < 1000; ++i) {
        const auto pause = random.failed(Pace::Time());
        EXPECT_GE(pause, 500ms);
        EXPECT_LE(pause, 1s);
    }
}

/// A process at a terminal of its own that asks for a secret, and exits with its length.
class AtTheQuestion {
public:
    AtTheQuestion() {
        child_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
        if (child_ == 0) {
            const auto secret = read_secret({}, "Token: ", SecretKind::token);
            ::_exit(secret ? static_cast<int>(secret->reveal().size()) : 99);
        }
        while (shown_.find("Token: ") == shown_.npos && read()) {
        }
    }
    ~AtTheQuestion() { ::close(terminal_); }
    AtTheQuestion(const AtTheQuestion&) = delete;
    AtTheQuestion& operator=(const AtTheQuestion&) = delete;

    bool echoes() const {
        termios modes{};
        return ::tcgetattr(terminal_, &modes) == 0 && (modes.c_lflag & ECHO) != 0;
    }
    void type(std::string_view text) {
        EXPECT_EQ(::write(terminal_, text.data(), text.size()), ssize_t(text.size()));
    }
    void signal(int number) const { ::kill(child_, number); }
    /// What waitpid() tells.
    int end() {
        int status = 0;
        ::waitpid(child_, &status, 0);
        return status;
    }
    std::string shown() {
        while (read()) {
        }
        return shown_;
    }

private:
    bool read() {
        std::array<char, 256> block{};
        const ssize_t got = ::read(terminal_, block.data(), block.size());
        shown_.append(block.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return got > 0;
    }

    int terminal_ = -1;
    pid_t child_ = -1;
    std::string shown_;
};

TEST(SecretLine, IsNotShownWhenTyped) {
    AtTheQuestion asked;
    EXPECT_FALSE(asked.echoes());
    asked.type(" the-token \n");
    const int status = asked.end();
    EXPECT_EQ(WEXITSTATUS(status), 9);
    EXPECT_TRUE(asked.echoes());
    EXPECT_EQ(asked.shown(), "Token: \r\n");
}

TEST(SecretLine, LeavesTheTerminalAsItWasWhateverEndsTheQuestion) {
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
        AtTheQuestion asked;
        asked.type("half");
        if (number == SIGINT) {
            asked.type("\x03");
        } else {
            asked.signal(number);
        }
        const int status = asked.end();
        EXPECT_TRUE(WIFSIGNALED(status)) << number;
        EXPECT_EQ(WTERMSIG(status), number);
        EXPECT_TRUE(asked.echoes()) << number;
        EXPECT_EQ(asked.shown(), "Token: \r\n") << number;
    }
}

TEST(SecretLine, MayBeEndedWithNothing) {
    AtTheQuestion asked;
    asked.type("\x04");
    EXPECT_EQ(WEXITSTATUS(asked.end()), 99);
}

TEST_F(FileTest, IsRefusedAsPrivateWhenOthersMayReadIt) {
    ASSERT_TRUE(write_file(folder_ / "key", "secret", 0644));
    const auto checked = check_private(folder_ / "key");
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().detail.find("chmod 600"), std::string::npos);
}

TEST(ShownText, LeavesWhatPeopleWriteAsItIs) {
    EXPECT_EQ(shown("orders-db: Bestellungen für Zürich, 注文, заказы, طلبات ❤️ a\"b<c>&"),
              "orders-db: Bestellungen für Zürich, 注文, заказы, طلبات ❤️ a\"b<c>&");
    EXPECT_EQ(shown(""), "");
}

TEST(ShownText, ShowsWhatWouldMoveTheCursorTurnTheLineOrHide) {
    EXPECT_EQ(shown("a\nb\r\tc"), "a\\nb\\r\\tc");
    EXPECT_EQ(shown("\x1b[2J\x07\x7f"), "\\x1b[2J\\x07\\x7f");
    EXPECT_EQ(shown(std::string_view("\0", 1)), "\\x00");
    EXPECT_EQ(shown("\u009b31m"), "\\u009b31m") << "CSI in one character";
    EXPECT_EQ(shown("bd\u202egnp.exe"), "bd\\u202egnp.exe");
    EXPECT_EQ(shown("\u2066\u2069\u200f\u061c\u200b\ufeff\u2028\u00ad"),
              "\\u2066\\u2069\\u200f\\u061c\\u200b\\ufeff\\u2028\\u00ad");
    EXPECT_EQ(shown("\U000e0041"), "\\U000e0041");
}

TEST(ShownText, ShowsBytesThatAreNoUtf8) {
    EXPECT_EQ(shown("a\xff"), "a\\xff");
    EXPECT_EQ(shown("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
    EXPECT_EQ(shown("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
    EXPECT_EQ(shown("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "past the last";
    EXPECT_EQ(shown("\xe2\x80"), "\\xe2\\x80") << "cut off";
}

TEST(ShownText, IsCutBetweenCharacters) {
    EXPECT_EQ(shown("abcdef", 6), "abcdef");
    EXPECT_EQ(shown("abcdef", 3), "abc…");
    EXPECT_EQ(shown("aüb", 2), "a…");
    EXPECT_EQ(shown("a\u202e\u202e\u202eb", 8), "a\\u202e…") << "the bound is of what is shown";
    EXPECT_EQ(shown_lines("one\n\x1b\n"), "one\n\\x1b\n");
}

TEST(Outage, IsToldWhenItBeginsAndWhenItIsOver) {
    Outage outage(10s);
    const Outage::Time start{};
    EXPECT_FALSE(outage.works(start));
    EXPECT_TRUE(outage.fails(start));
    for (int i = 1; i < 100; ++i) {
        const auto now = start + std::chrono::milliseconds(100) * i;
        EXPECT_FALSE(outage.fails(now)) << i;
        EXPECT_FALSE(outage.works(now)) << "what works and fails by turns is one outage";
    }
    EXPECT_FALSE(outage.works(start + 19s));
    EXPECT_EQ(outage.works(start + 20s), 100U);
    EXPECT_FALSE(outage.works(start + 21s));
    EXPECT_TRUE(outage.fails(start + 22s));
}

TEST(Outage, BeginsAnewAfterARest) {
    Outage outage(10s);
    EXPECT_TRUE(outage.fails(Outage::Time{}));
    EXPECT_FALSE(outage.fails(Outage::Time{} + 9s));
    EXPECT_TRUE(outage.fails(Outage::Time{} + 19s));
}

TEST(Exhaustion, IsTheOwnMachinesAndNothingElse) {
    for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
        const auto own = exhaustion_of(error);
        ASSERT_TRUE(own) << error;
        EXPECT_EQ(own->code, Code::out_of_resources);
    }
    for (const int error : {0, ECONNREFUSED, EACCES, ENOENT, EHOSTUNREACH, ENOSPC, EADDRNOTAVAIL}) {
        EXPECT_FALSE(exhaustion_of(error)) << error;
    }
    EXPECT_FALSE(descriptors_exhausted());
}

TEST(OwnCommands, KeepTheOptionsThatWereGiven) {
    EXPECT_EQ(
        with_own_options("try it with: postern-gateway check-config", "postern-gateway", "--config /x.toml"),
        "try it with: postern-gateway --config /x.toml check-config");
    EXPECT_EQ(with_own_options("postern-ca user list and postern-ca cert list", "postern-ca", "--dir 'a b'"),
              "postern-ca --dir 'a b' user list and postern-ca --dir 'a b' cert list");
    EXPECT_EQ(with_own_options("postern-ca token create, then postern-gateway enroll", "postern-gateway",
                               "--config x"),
              "postern-ca token create, then postern-gateway --config x enroll");
    EXPECT_EQ(with_own_options("see postern-ca --help", "postern-ca", "--dir x"), "see postern-ca --help");
    EXPECT_EQ(with_own_options("postern-ca user list", "postern-ca", ""), "postern-ca user list");
}

}  // namespace
}  // namespace postern
