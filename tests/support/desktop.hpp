// A desktop without a screen, for programs with windows: an X server, a session bus, a tray, and somebody who
// looks and clicks. What is on the screen is read as a screen reader reads it (AT-SPI), so that a test sees
// what people are told and nothing of how the program is made.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/process.hpp"

namespace postern::test {

class Desktop {
public:
    enum class Tray {
        none,
        /// No tray, but notifications.
        notifications_only,
        /// StatusNotifier: icon and menu over D-Bus, as on today's desktops.
        status_notifier,
        /// XEmbed: a window in a panel (trayer), to be clicked by pointer.
        xembed
    };

    explicit Desktop(Tray tray);
    ~Desktop();
    Desktop(const Desktop&) = delete;
    Desktop& operator=(const Desktop&) = delete;

    /// Makes a program appear here, and tell about itself.
    std::map<std::string, std::string> environment() const;

    /// What can be seen now: a line each with role, name and text, parted by tabs.
    std::string screen() const;
    /// Whether the text comes to the screen, or leaves it.
    bool shows(std::string_view text) const;
    bool hides(std::string_view text) const;
    /// Does it as soon as it can be done; false if it never can. Names may be cut short.
    bool press(const std::string& button) const;
    bool type(const std::string& field, const std::string& text) const;
    bool choose(const std::vector<std::string>& labels) const;
    /// The line, and Enter, with the keyboard; false while there is no terminal (xterm).
    bool type_in_terminal(const std::string& line) const;
    bool has_terminal() const;
    /// By pointer, where the icon is a window (xembed): a click on it; the menu that its right button opens,
    /// down to the first entry that opens another one, and there the first entry.
    bool click_icon() const;
    bool click_first_of_first_submenu() const;

    /// The icon as the tray shows it: `tool_tip`, `menu` (labels; of those that open more, pairs of label and
    /// menu). Null while there is none.
    nlohmann::json icon() const;
    /// Whether the menu comes to hold an entry that begins so, at its top.
    bool offers(std::string_view label) const;
    /// The tray (StatusNotifier) of a desktop that has had none.
    void start_tray();
    /// As when somebody chooses it in the desktop's settings.
    void turn_dark() const;
    /// Every notification so far, a line each.
    std::string notifications() const;
    bool notifies(std::string_view text) const;

private:
    std::unique_ptr<Process> start_host(const std::string& what) const;
    ProcessResult act(std::vector<std::string> arguments, std::string input = {}) const;
    bool done(const std::vector<std::string>& arguments, const std::string& input = {}) const;
    struct Area {
        int x = 0;
        int y = 0;
        int width = 0;
        int height = 0;
    };
    bool point(int x, int y, int button = 0) const;
    std::optional<Area> icon_area() const;
    std::vector<Area> open_menus() const;

    TemporaryFolder folder_;
    std::string display_;
    std::string bus_;
    std::unique_ptr<Process> x_server_;
    std::unique_ptr<Process> bus_daemon_;
    std::unique_ptr<Process> host_;
    std::unique_ptr<Process> late_host_;
    std::unique_ptr<Process> panel_;
};

}  // namespace postern::test
