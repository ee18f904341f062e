// The code blocks of a page of docs/clients, as people copy them, so that tests can run every line of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace postern::test {

struct PageBlock {
    /// The first word behind the fence ("sh", "python", "text"), and what follows it: a file's name, or
    /// "fails".
    std::string language;
    std::string argument;
    std::string text;
    int line = 0;
};

/// Reads the blocks of a page. Throws when there is no such page or no block, or when a fence is not closed.
std::vector<PageBlock> read_page(const std::filesystem::path& page);

/// Runs a page: a block with a file's name becomes that file, `sh` is run (and has to fail where the block
/// says so), and each line of a `text` block must occur in the output of the block before it. Other blocks
/// are refused, so that nothing on a page goes untried.
class PageRun {
public:
    /// `folder` becomes the working folder and HOME.
    PageRun(std::filesystem::path folder, ProcessOptions options)
        : folder_(std::move(folder)), options_(std::move(options)) {}

    /// Replaces the port number `on_page` by `here` wherever it stands on the page.
    void map_port(int on_page, int here) { ports_[on_page] = here; }
    /// Throws with the page's line and the output when a block does not do what it says.
    void run(const std::vector<PageBlock>& blocks);

    std::string mapped(std::string text) const;

private:
    void run_shell(const PageBlock& block);
    void check(const PageBlock& block) const;

    std::filesystem::path folder_;
    ProcessOptions options_;
    std::map<int, int> ports_;
    std::string said_;
};

}  // namespace postern::test
