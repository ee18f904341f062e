#include "support/client_page.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace postern::test {

std::vector<PageBlock> read_page(const std::filesystem::path& page) {
    std::ifstream file(page);
    if (!file) {
        throw std::runtime_error("there is no page " + page.string());
    }
    std::vector<PageBlock> blocks;
    bool is_inside = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        ++number;
        if (!line.starts_with("```")) {
            if (is_inside) {
                blocks.back().text += line + "\n";
            }
            continue;
        }
        is_inside = !is_inside;
        if (is_inside) {
            const auto space = line.find(' ');
            PageBlock block;
            block.language = line.substr(3, space - 3);
            block.argument = space == line.npos ? "" : line.substr(space + 1);
            block.line = number;
            blocks.push_back(std::move(block));
        }
    }
    if (is_inside || blocks.empty()) {
        throw std::runtime_error(page.string() + ": no blocks, or one that does not end");
    }
    return blocks;
}

void PageRun::run(const std::vector<PageBlock>& blocks) {
    for (const PageBlock& block : blocks) {
        if (block.language == "sh") {
            run_shell(block);
        } else if (block.language == "text") {
            check(block);
        } else if (!block.argument.empty()) {
            std::ofstream(folder_ / block.argument) << mapped(block.text);
        } else {
            throw std::runtime_error(
                fmt::format("line {}: a block of {} that nothing tries", block.line, block.language));
        }
    }
}

std::string PageRun::mapped(std::string text) const {
    const auto is_digit = [&](std::size_t at) {
        return at < text.size() && text[at] >= '0' && text[at] <= '9';
    };
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is_digit(at) || (at > 0 && is_digit(at - 1))) {
            continue;
        }
        std::size_t end = at;
        while (is_digit(end)) {
            ++end;
        }
        const std::string number = text.substr(at, end - at);
        const auto port = number.size() < 6 ? ports_.find(std::stoi(number)) : ports_.end();
        if (port != ports_.end()) {
            text.replace(at, number.size(), std::to_string(port->second));
        }
    }
    return text;
}

void PageRun::run_shell(const PageBlock& block) {
    const std::string script = mapped(block.text);
    ProcessOptions options = options_;
    options.folder = folder_;
    options.environment["HOME"] = folder_;
    const ProcessResult outcome =
        test::run({"bash", "-euo", "pipefail", "-c", script}, options, std::chrono::seconds(240));
    said_ = outcome.out + outcome.err;
    if ((outcome.exit_code != 0) != (block.argument == "fails") || outcome.has_timed_out) {
        throw std::runtime_error(
            fmt::format("line {} exited with {}:\n{}\n{}", block.line, outcome.exit_code, script, said_));
    }
}

void PageRun::check(const PageBlock& block) const {
    std::istringstream lines(mapped(block.text));
    for (std::string line; std::getline(lines, line);) {
        if (said_.find(line) == said_.npos) {
            throw std::runtime_error(fmt::format("line {}: \"{}\" is not in:\n{}", block.line, line, said_));
        }
    }
}

}  // namespace postern::test
