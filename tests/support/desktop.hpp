// A desktop without a screen, for programs with windows: an X server, a session bus, a tray, and functions
// that look and click. They read the screen as a screen reader does (AT-SPI), so that a test sees what people
// are told and nothing of how the program is made.
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
        /// No tray, but a server for notifications.
        notifications_only,
        /// StatusNotifier: icon and menu over D-Bus, as on today's desktops.
        status_notifier,
        /// XEmbed: a window in a panel (trayer), which the pointer clicks.
        xembed
    };

    explicit Desktop(Tray tray);
    ~Desktop();
    Desktop(const Desktop&) = delete;
    Desktop& operator=(const Desktop&) = delete;

    /// Returns the environment in which a program appears on this desktop and tells screen readers about
    /// itself.
    std::map<std::string, std::string> environment() const;

    /// Returns what can be seen now: a line each with role, name and text, separated by tabs.
    std::string screen() const;
    /// These wait until the text is on the screen, or is not. They return false at the timeout.
    bool shows(std::string_view text) const;
    bool hides(std::string_view text) const;
    /// These act as soon as it is possible, and return false if it never is. Names may be cut short.
    bool press(const std::string& button) const;
    bool type(const std::string& field, const std::string& text) const;
    bool choose(const std::vector<std::string>& labels) const;
    /// Types the line and Enter with the keyboard. Returns false while there is no terminal (xterm).
    bool type_in_terminal(const std::string& line) const;
    bool has_terminal() const;
    /// These use the pointer where the icon is a window (xembed). click_icon() clicks on it. The other one
    /// opens its menu with the right button, goes down to the first entry that opens a submenu, and clicks
    /// the first entry there.
    bool click_icon() const;
    bool click_first_of_first_submenu() const;

    /// Returns the icon as the tray shows it: `tool_tip`, and `menu` with the labels of its entries (for an
    /// entry with a submenu, a pair of label and menu). Null while there is no icon.
    nlohmann::json icon() const;
    /// Waits until the menu has an entry at its top level that begins with `label`. Returns false at the
    /// timeout.
    bool offers(std::string_view label) const;
    /// Starts the tray (StatusNotifier) of a desktop that has had none.
    void start_tray();
    /// Makes the desktop dark, as when somebody chooses that in its settings.
    void turn_dark() const;
    /// Returns every notification so far, a line each.
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
