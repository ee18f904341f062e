// Help, manual page and the completions of three shells name the same commands and options as the program
// takes.
#include <fstream>
#include <regex>
#include <set>
#include <string>
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

std::string help(std::vector<std::string> command) {
    command.insert(command.begin(), program("postern"));
    command.push_back("--help");
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.exit_code, 0);
    return outcome.out;
}

/// At the beginning of a line of --help, behind a short one too.
Words options_of(const std::string& command) {
    return found_in(help({command}), std::regex(R"(\n  (?:-\w,)?(--[a-z][a-z-]*))"));
}

Words commands() {
    const std::string text = help({});
    return found_in(text.substr(text.find("Subcommands:")), std::regex(R"(\n  ([a-z]+) )"));
}

Words lines_of(const std::string& text) {
    return found_in(text, std::regex(R"(([^\n\t]+)[^\n]*\n)"));
}

/// What bash offers for the words, the last of which is being typed.
Words bash_offers(const std::vector<std::string>& words) {
    const std::string script = fmt::format(
        "source {}/packaging/completions/postern; COMP_WORDS=({}); COMP_CWORD={}; _postern; "
        "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        POSTERN_SOURCE, fmt::join(words, " "), words.size() - 1);
    const Outcome outcome = run({"bash", "-c", script});
    EXPECT_EQ(outcome.err, "");
    return lines_of(outcome.out);
}

Words fish_offers(const std::string& line) {
    const Outcome outcome = run({"fish", "--no-config", "-c",
                                 fmt::format("source {}/packaging/completions/postern.fish; complete -C '{}'",
                                             POSTERN_SOURCE, line)});
    return lines_of(outcome.out);
}

TEST(Usage, HasACompletionAndAManualEntryForEveryCommand) {
    const Words all = commands();
    EXPECT_GE(all.size(), 11U);
    Words with_options = all;
    with_options.insert({"--help", "--version"});
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
    for_zsh.insert("--version");
    EXPECT_EQ(in_zsh, for_zsh);
    const Words in_manual = found_in(manual, std::regex(R"(Fl Fl ([a-z][a-z-]*))"));
    for (const auto& option : all) {
        if (option != "--help") {
            EXPECT_EQ(in_manual.count(option.substr(2)), 1U) << option << " is not in the manual page";
        }
    }
    for (const auto& option : in_manual) {
        EXPECT_EQ(all.count("--" + option), 1U) << "the manual page invents --" << option;
    }
}

TEST(Usage, OfServicesIsCompletedFromWhatIsKnownHere) {
    // A folder that holds a postern that knows two services.
    const TemporaryFolder folder;
    const fs::path stand_in = folder.path() / "postern";
    std::ofstream(stand_in) << "#!/bin/sh\n[ \"$*\" = 'services --names' ] && printf 'orders-db\\nwiki\\n'\n";
    fs::permissions(stand_in, fs::perms::owner_all);
    ProcessOptions options;
    options.environment = {{"PATH", folder.path().string() + ":/usr/bin:/bin"}};
    const Outcome outcome =
        run({"bash", "-c",
             fmt::format(
                 "source {}/packaging/completions/postern; COMP_WORDS=(postern connect or); COMP_CWORD=2; "
                 "_postern; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                 POSTERN_SOURCE)},
            options);
    EXPECT_EQ(outcome.out, "orders-db\n");
}

}  // namespace
}  // namespace postern::test
