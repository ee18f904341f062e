#include "ca-service/commands/table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/printed.hpp"

namespace postern::ca::commands {

void print_table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const std::string& title : head) {
        widths.push_back(title.size());
    }
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    const auto print_row = [&](const std::vector<std::string>& row) {
        std::string text;
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += fmt::format("{:<{}}  ", row[i], widths[i]);
        }
        text.resize(text.find_last_not_of(' ') + 1);
        say("{}\n", text);
    };
    print_row(head);
    for (const auto& row : rows) {
        print_row(row);
    }
}

}  // namespace postern::ca::commands
