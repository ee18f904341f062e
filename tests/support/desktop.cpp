#include "base/json.hpp"
#include "support/desktop.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

namespace postern::test {

namespace {

/// The timeout is for a busy machine: what is claimed has mostly come within a second.
constexpr std::chrono::seconds kTimeout{60};
constexpr int kPanelHeight = 24;

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

}  // namespace

Desktop::Desktop(Tray tray) {
    x_server_ = std::make_unique<Process>(std::vector<std::string>{
        "Xvfb", "-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"});
    x_server_->wait_for_out("\n", kTimeout);
    display_ = ":" + first_line(x_server_->out());
    ProcessOptions options;
    options.environment = {
        {"DISPLAY", display_}, {"XDG_RUNTIME_DIR", folder_.path()}, {"HOME", folder_.path()}};
    bus_daemon_ = std::make_unique<Process>(
        std::vector<std::string>{"dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1",
                                 "--address=unix:path=" + (folder_.path() / "bus").string()},
        options);
    bus_daemon_->wait_for_out("\n", kTimeout);
    bus_ = first_line(bus_daemon_->out());
    ProcessOptions mine;
    mine.environment = environment();
    if (tray == Tray::status_notifier) {
        host_ = start_host("host");
    } else if (tray == Tray::notifications_only) {
        host_ = start_host("notifications");
    } else if (tray == Tray::xembed) {
        panel_ = std::make_unique<Process>(
            std::vector<std::string>{"trayer", "--edge", "bottom", "--align", "right", "--widthtype",
                                     "request", "--heighttype", "pixel", "--height",
                                     std::to_string(kPanelHeight)},
            mine);
    }
}

std::unique_ptr<Process> Desktop::start_host(const std::string& what) const {
    ProcessOptions options;
    options.environment = environment();
    auto host = std::make_unique<Process>(
        std::vector<std::string>{"/usr/bin/python3", POSTERN_TEST_DESKTOP, what}, options);
    host->wait_for_out("hosting", kTimeout);
    return host;
}

void Desktop::start_tray() {
    late_host_ = start_host("tray");
}

/// Ends the processes in order, so that what depends on a bus ends by itself.
Desktop::~Desktop() {
    for (Process* process :
         {panel_.get(), late_host_.get(), host_.get(), bus_daemon_.get(), x_server_.get()}) {
        if (process != nullptr) {
            process->stop();
        }
    }
}

std::map<std::string, std::string> Desktop::environment() const {
    return {{"DISPLAY", display_},
            {"DBUS_SESSION_BUS_ADDRESS", bus_},
            {"WAYLAND_DISPLAY", ""},
            {"XDG_CURRENT_DESKTOP", ""},
            {"DESKTOP_SESSION", ""},
            {"QT_QPA_PLATFORM", "xcb"},
            {"QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "1"},
            {"LC_ALL", "C.UTF-8"},
            {"LANGUAGE", "en"}};
}

ProcessResult Desktop::act(std::vector<std::string> arguments, std::string input) const {
    ProcessOptions options;
    options.environment = environment();
    options.input = std::move(input);
    arguments.insert(arguments.begin(), {"/usr/bin/python3", POSTERN_TEST_DESKTOP});
    return run(std::move(arguments), options, kTimeout);
}

bool Desktop::done(const std::vector<std::string>& arguments, const std::string& input) const {
    return eventually([&] { return act(arguments, input).exit_code == 0; }, kTimeout);
}

std::string Desktop::screen() const {
    return act({"screen"}).out;
}

bool Desktop::shows(std::string_view text) const {
    return eventually([&] { return screen().find(text) != std::string::npos; }, kTimeout);
}

bool Desktop::hides(std::string_view text) const {
    return eventually(
        [&] {
            const ProcessResult seen = act({"screen"});
            return seen.exit_code == 0 && seen.out.find(text) == std::string::npos;
        },
        kTimeout);
}

bool Desktop::press(const std::string& button) const {
    return done({"press", button});
}

bool Desktop::type(const std::string& field, const std::string& text) const {
    return done({"type", field}, text);
}

bool Desktop::choose(const std::vector<std::string>& labels) const {
    std::vector<std::string> command{"choose"};
    command.insert(command.end(), labels.begin(), labels.end());
    return done(command);
}

bool Desktop::has_terminal() const {
    ProcessOptions options;
    options.environment = environment();
    return run({"xdotool", "search", "--onlyvisible", "--class", "xterm"}, options, kTimeout).exit_code == 0;
}

bool Desktop::type_in_terminal(const std::string& line) const {
    ProcessOptions options;
    options.environment = environment();
    const ProcessResult typed = run({"xdotool", "search", "--onlyvisible", "--class", "xterm", "windowfocus",
                                     "--sync", "type", "--delay", "10", line + "\n"},
                                    options, kTimeout);
    return typed.exit_code == 0;
}

bool Desktop::point(int x, int y, int button) const {
    std::vector<std::string> command{"xdotool", "mousemove", std::to_string(x), std::to_string(y)};
    if (button != 0) {
        command.insert(command.end(), {"click", std::to_string(button)});
    }
    ProcessOptions options;
    options.environment = environment();
    return run(std::move(command), options, kTimeout).exit_code == 0;
}

/// Returns the program's open menus, which are its windows that no window manager manages, except for the
/// icon itself.
std::vector<Desktop::Area> Desktop::open_menus() const {
    ProcessOptions options;
    options.environment = environment();
    const ProcessResult told = run({"sh", "-c",
                                    "for window in $(xdotool search --onlyvisible --class postern-tray); do "
                                    "xwininfo -id $window; done"},
                                   options, kTimeout);
    std::vector<Area> menus;
    Area area;
    std::istringstream lines(told.out);
    for (std::string line; std::getline(lines, line);) {
        const auto number = [&line](const char* title, int& into) {
            if (line.find(title) != std::string::npos) {
                into = std::atoi(line.c_str() + line.rfind(' '));
            }
        };
        number("Absolute upper-left X:", area.x);
        number("Absolute upper-left Y:", area.y);
        number("Width:", area.width);
        number("Height:", area.height);
        if (line.find("Override Redirect State: yes") != std::string::npos && area.width > 2 * kPanelHeight) {
            menus.push_back(area);
        }
    }
    return menus;
}

std::optional<Desktop::Area> Desktop::icon_area() const {
    ProcessOptions options;
    options.environment = environment();
    std::map<std::string, int> shape;
    const ProcessResult panel =
        run({"xdotool", "search", "--onlyvisible", "--class", "trayer", "getwindowgeometry", "--shell"},
            options, kTimeout);
    std::istringstream lines(panel.out);
    for (std::string line; std::getline(lines, line);) {
        shape[line.substr(0, line.find('='))] = std::atoi(line.c_str() + line.find('=') + 1);
    }
    // The panel is as wide as its icons; without any it is a few pixels wide.
    const bool has_icon = panel.exit_code == 0 && shape["WIDTH"] >= 20;
    return has_icon ? std::optional(Area{shape["X"], shape["Y"], shape["WIDTH"], shape["HEIGHT"]})
                    : std::nullopt;
}

bool Desktop::click_icon() const {
    std::optional<Area> icon;
    return eventually([&] { return (icon = icon_area()).has_value(); }, kTimeout) &&
           point(icon->x + icon->width / 2, icon->y + icon->height / 2, 1);
}

bool Desktop::click_first_of_first_submenu() const {
    constexpr auto kHover = std::chrono::milliseconds(700);
    constexpr int kStep = 7;  // An entry is at least twice as high.
    return eventually(
        [&] {
            const auto icon = icon_area();
            if (!icon || !point(icon->x + icon->width / 2, icon->y + icon->height / 2, 3) ||
                !eventually([&] { return open_menus().size() == 1; })) {
                return false;
            }
            const Area menu = open_menus().front();
            for (int y = menu.y + kStep; y < menu.y + menu.height; y += kStep) {
                point(menu.x + menu.width / 2, y);
                if (eventually([&] { return open_menus().size() == 2; }, kHover)) {
                    const std::vector<Area> both = open_menus();
                    const auto sub = std::find_if(both.begin(), both.end(), [&](const Area& other) {
                        return other.x != menu.x || other.y != menu.y;
                    });
                    return sub != both.end() && point(sub->x + sub->width / 2, sub->y + 2 * kStep, 1);
                }
            }
            // A click beside the menu closes it. Then all of this is tried once more.
            point(icon->x - 700, icon->y, 1);
            return false;
        },
        kTimeout);
}

nlohmann::json Desktop::icon() const {
    const ProcessResult outcome = act({"item"});
    auto told = outcome.exit_code == 0 ? parse_json(outcome.out) : nlohmann::json();
    if (told.is_discarded()) {
        throw std::runtime_error("the icon's answer is no JSON: " + outcome.out);
    }
    return told;
}

bool Desktop::offers(std::string_view label) const {
    return eventually(
        [&] {
            const nlohmann::json shown = icon();
            const nlohmann::json menu = shown.is_null() ? nlohmann::json::array() : shown.at("menu");
            return std::any_of(menu.begin(), menu.end(), [&](const nlohmann::json& entry) {
                return (entry.is_array() ? entry.at(0) : entry).get<std::string>().rfind(label, 0) == 0;
            });
        },
        kTimeout);
}

void Desktop::turn_dark() const {
    host_->signal(SIGUSR1);
}

std::string Desktop::notifications() const {
    return host_ ? host_->out() : std::string();
}

bool Desktop::notifies(std::string_view text) const {
    return eventually([&] { return notifications().find(text) != std::string::npos; }, kTimeout);
}

}  // namespace postern::test
