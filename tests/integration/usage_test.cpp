// Help, manual page and the completions of three shells name the same commands and options as the program
// takes.
#include <csignal>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/stack.hpp"

namespace postern::test {
namespace {

namespace fs = std::filesystem;

using Words = std::set<std::string>;

Words found_in(const std::string& text, const std::regex& pattern) {
    Words words;
    for (std::sregex_iterator at(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at) {
        words.insert((*at)[1]);
    }
    return words;
}

/// Of the program that the first word names.
std::string help_of(std::vector<std::string> command) {
    command.front() = program(command.front());
    command.push_back("--help");
    const ProcessResult outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 0);
    return outcome.out;
}

/// At the beginning of a line of --help, behind a short one too.
Words options_in(const std::string& text) {
    return found_in(text, std::regex(R"(\n  (?:-\w,)?(--[a-z][a-z-]*))"));
}

Words commands_in(const std::string& text) {
    const auto at = text.find("Subcommands:");
    return at == std::string::npos ? Words()
                                   : found_in(text.substr(at), std::regex(R"(\n  ([a-z][a-z-]*) )"));
}

Words options_of(const std::string& command) {
    return options_in(help_of({"postern", command}));
}

Words commands() {
    return commands_in(help_of({"postern"}));
}

/// The commands of a program that do something, those of a command ("user add") too.
std::vector<std::vector<std::string>> all_commands(const std::vector<std::string>& below) {
    const Words inner = commands_in(help_of(below));
    if (inner.empty()) {
        return {below};
    }
    std::vector<std::vector<std::string>> all;
    for (const auto& word : inner) {
        auto command = below;
        command.push_back(word);
        for (auto& one : all_commands(command)) {
            all.push_back(std::move(one));
        }
    }
    return all;
}

Words lines_of(const std::string& text) {
    return found_in(text, std::regex(R"(([^\n\t]+)[^\n]*\n)"));
}

/// What bash offers for the words, the last of which is being typed.
Words bash_offers(const std::vector<std::string>& words) {
    const std::string script = fmt::format(
        "source {}/packaging/completions/{}; COMP_WORDS=({}); COMP_CWORD={}; {}; "
        "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        POSTERN_SOURCE, words.front(), fmt::join(words, " "), words.size() - 1,
        "_" + std::regex_replace(words.front(), std::regex("-"), "_"));
    const ProcessResult outcome = run({"bash", "-c", script});
    EXPECT_EQ(outcome.err, "");
    return lines_of(outcome.out);
}

Words fish_offers(const std::string& line) {
    const ProcessResult outcome =
        run({"fish", "--no-config", "-c",
             fmt::format("source {}/packaging/completions/postern.fish; complete -C '{}'", POSTERN_SOURCE,
                         line)});
    return lines_of(outcome.out);
}

TEST(Usage, HasACompletionAndAManualEntryForEveryCommand) {
    const Words all = commands();
    EXPECT_GE(all.size(), 11U);
    Words with_options = all;
    with_options.insert({"--explain", "--help", "--version"});
    EXPECT_EQ(bash_offers({"postern", "''"}), with_options);
    EXPECT_EQ(fish_offers("postern "), all);
    const std::string zsh = content_of(POSTERN_SOURCE "/packaging/completions/_postern");
    const std::string manual = content_of(POSTERN_SOURCE "/packaging/man/postern.1");
    for (const auto& command : all) {
        EXPECT_THAT(zsh, testing::HasSubstr(fmt::format("\n            '{}:", command)));
        EXPECT_THAT(zsh, testing::HasSubstr(fmt::format("\n        {})", command)));
        EXPECT_THAT(manual, testing::HasSubstr(fmt::format("\n.It Cm {}\n", command)));
    }
    EXPECT_EQ(run({"zsh", "-n", POSTERN_SOURCE "/packaging/completions/_postern"}).exit_code, 0);
}

TEST(Usage, OfEveryOptionIsInHelpManualAndCompletions) {
    const std::string zsh = content_of(POSTERN_SOURCE "/packaging/completions/_postern");
    const std::string manual = content_of(POSTERN_SOURCE "/packaging/man/postern.1");
    Words all;
    for (const auto& command : commands()) {
        const Words options = options_of(command);
        EXPECT_EQ(options.count("--help"), 1U) << command;
        EXPECT_GE(options.size(), 2U) << command;
        EXPECT_EQ(bash_offers({"postern", command, "--"}), options) << command;
        EXPECT_EQ(fish_offers(fmt::format("postern {} --", command)), options) << command;
        all.insert(options.begin(), options.end());
    }
    const Words in_zsh = found_in(zsh, std::regex(R"('\*?(--[a-z][a-z-]*)\[)"));
    Words for_zsh = all;
    for_zsh.insert({"--explain", "--version"});
    EXPECT_EQ(in_zsh, for_zsh);
    const Words in_manual = found_in(manual, std::regex(R"(Fl Fl ([a-z][a-z-]*))"));
    for (const auto& option : all) {
        if (option != "--help") {
            EXPECT_EQ(in_manual.count(option.substr(2)), 1U) << option << " is not in the manual page";
        }
    }
    for (const auto& option : in_manual) {
        EXPECT_TRUE(all.count("--" + option) == 1U || option == "explain") << "the manual page invents --" << option;
    }
}

/// Of a program for servers, which has a completion for bash alone: every option of every command is offered
/// and in the manual page, and neither of them invents one. `everywhere`: options of the program that are
/// offered behind commands.
void expect_one_usage(const std::string& program_name, const Words& everywhere) {
    const std::string manual = content_of(POSTERN_SOURCE "/packaging/man/" + program_name + ".8");
    const Words in_manual = found_in(manual, std::regex(R"(Fl Fl ([a-z][a-z-]*))"));
    Words all = options_in(help_of({program_name}));
    Words first_words = commands_in(help_of({program_name}));
    first_words.insert(all.begin(), all.end());
    EXPECT_EQ(bash_offers({program_name, "''"}), first_words);
    for (const auto& command : all_commands({program_name})) {
        const std::string said = fmt::format("{}", fmt::join(command, " "));
        const Words options = options_in(help_of(command));
        auto typed = command;
        typed.emplace_back("--");
        Words offered = bash_offers(typed);
        for (const auto& option : everywhere) {
            offered.erase(option);
        }
        EXPECT_EQ(offered, options) << said;
        all.insert(options.begin(), options.end());
    }
    for (const auto& option : all) {
        if (option != "--help" && option != "--version") {
            EXPECT_EQ(in_manual.count(option.substr(2)), 1U) << option << " is not in the manual page";
        }
    }
    for (const auto& option : in_manual) {
        EXPECT_EQ(all.count("--" + option), 1U) << "the manual page invents --" << option;
    }
}

TEST(Usage, OfTheCaServiceIsTheSameInHelpManualAndCompletion) {
    expect_one_usage("postern-ca", {});
    const Words reasons = bash_offers({"postern-ca", "cert", "revoke", "--reason", "''"});
    EXPECT_EQ(reasons.size(), 6U);
    const std::string revoking = help_of({"postern-ca", "cert", "revoke"});
    for (const auto& reason : reasons) {
        EXPECT_THAT(revoking, testing::HasSubstr(reason));
    }
}

TEST(Usage, OfTheGatewayIsTheSameInHelpManualAndCompletion) {
    expect_one_usage("postern-gateway", {"--config", "--log-level"});
}

TEST(Usage, OfServicesIsCompletedFromWhatIsKnownHere) {
    // A folder that holds a postern that knows two services.
    const TemporaryFolder folder;
    const fs::path stand_in = folder.path() / "postern";
    std::ofstream(stand_in) << "#!/bin/sh\n[ \"$*\" = 'services --names' ] && printf 'orders-db\\nwiki\\n'\n";
    fs::permissions(stand_in, fs::perms::owner_all);
    ProcessOptions options;
    options.environment = {{"PATH", folder.path().string() + ":/usr/bin:/bin"}};
    const ProcessResult outcome =
        run({"bash", "-c",
             fmt::format(
                 "source {}/packaging/completions/postern; COMP_WORDS=(postern connect or); COMP_CWORD=2; "
                 "_postern; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                 POSTERN_SOURCE)},
            options);
    EXPECT_EQ(outcome.out, "orders-db\n");
}

TEST(Enrolment, WithoutATokenSaysWhereOneComesFrom) {
    const std::string pin = "sha256:" + std::string(64, 'a');
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"postern-gateway", "--config", "/nowhere/gateway.toml", "enroll", "--fingerprint", pin},
             {"postern-ca", "enroll", "--ca", "https://localhost:1", "--fingerprint", pin, "--out-cert",
              "/tmp/none.pem", "--out-key", "/tmp/none.key"}}) {
        auto whole = command;
        whole.front() = program(command.front());
        for (const char* input : {"", "\n"}) {
            ProcessOptions options;
            options.input = input;
            const ProcessResult told = run(whole, options);
            EXPECT_EQ(told.exit_code, 2) << told.err;
            EXPECT_THAT(told.err, testing::HasSubstr("error: there is no token: "));
            EXPECT_THAT(told.err, testing::HasSubstr("hint: postern-ca token create"));
        }
    }
}

TEST(Output, ThatDoesNotArriveIsAnError) {
    for (const auto& [name, code] :
         {std::pair{"postern", 1}, {"postern-ca", 1}, {"postern-gateway", 1}, {"postern-audit", 2}}) {
        const ProcessResult full =
            run({"sh", "-c", fmt::format("{} --help >/dev/full", program(name).string())});
        EXPECT_EQ(full.exit_code, code) << name;
        EXPECT_EQ(
            full.err,
            fmt::format("{}: error: cannot write what was to be printed: No space left on device\n", name));
        // Who has seen enough has lost nothing.
        const ProcessResult seen = run(
            {"bash", "-c", fmt::format("{} --help | true; exit ${{PIPESTATUS[0]}}", program(name).string())});
        EXPECT_THAT(seen.exit_code, testing::AnyOf(0, 128 + SIGPIPE)) << name << seen.err;
    }
}

}  // namespace
}  // namespace postern::test
