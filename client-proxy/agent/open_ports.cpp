#include "client-proxy/agent/open_ports.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "client-proxy/agent/squatter.hpp"

namespace postern::client {

namespace {

std::string book_name(std::string_view service, Mode mode) {
    return std::string(service) + (mode == Mode::end_to_end ? "" : "/passthrough");
}

Refusal port_taken(const std::string& service, unsigned short port, const Failure& failure) {
    if (failure.code != Code::already_exists) {
        return {failure.code, failure.detail, "Choose another port: " + service + ":PORT", {}};
    }
    const auto who = listener_on(port);
    if (auto squatter = squatting(service, port, who)) {
        return *std::move(squatter);
    }
    return {Code::already_exists,
            fmt::format("port {} is taken by {}", port, who ? who->text() : "another program"),
            fmt::format("Choose another one ({}:PORT), or end that program.", service),
            {}};
}

}  // namespace

Outcome<LocalPortPtr> OpenPorts::open_at(PortWish& wish, unsigned short number) {
    PortOrder order = wish.order;
    order.number = number;
    auto opened = agent_.open(std::move(order));
    if (!opened) {
        return port_taken(wish.order.service, number, opened.error());
    }
    return *std::move(opened);
}

Outcome<LocalPortPtr> OpenPorts::open_somewhere(PortWish& wish, std::string& remark) {
    const auto held = folder_.lock("ports.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    PortAssignments& book = assignments_;
    book = PortAssignments::load(folder_);
    const std::string name = book_name(wish.order.service, wish.order.mode);
    const unsigned short remembered = book.find(name);
    unsigned short number =
        wish.number ? *wish.number
                    : (remembered != 0 ? remembered : book.next_free(name, PortAssignments::kFirst - 1));
    for (;;) {
        auto opened = open_at(wish, number);
        if (opened) {
            const unsigned short got = (*opened)->number;
            const bool is_to_remember = wish.number ? *wish.number != 0 : remembered == 0 && wish.is_known;
            if (is_to_remember && got != remembered) {
                book.remember(name, got);
                if (auto saved = book.save(folder_); !saved) {
                    agent_.close(**opened, local_refusal(saved.error()));
                    return local_refusal(saved.error());
                }
            } else if (!wish.number && remembered != 0 && got != remembered) {
                const auto who = listener_on(remembered);
                const auto squatter = squatting(wish.order.service, remembered, who);
                remark = squatter
                             ? fmt::format("{}. It is at localhost:{} now", squatter->message, got)
                             : fmt::format("port {}, where {} was the last time, is taken by {}", remembered,
                                           wish.order.service, who ? who->text() : "another program");
            }
            return opened;
        }
        if (wish.number || opened.error().code != Code::already_exists) {
            return opened;
        }
        number = book.next_free(name, number);
        if (number == 0) {
            return Refusal{Code::already_exists,
                           "there is no free port",
                           "Choose one: " + wish.order.service + ":PORT",
                           {}};
        }
    }
}

Outcome<LocalPortPtr> OpenPorts::open(PortWish wish, std::string& remark) {
    const bool is_any = wish.number && *wish.number == 0;
    auto found = std::find_if(ports_.begin(), ports_.end(), [&](const HeldPort& held) {
        return !is_any && held.is_remembered && held.port->service == wish.order.service &&
               held.port->mode == wish.order.mode && held.port->logins == wish.order.logins &&
               held.port->admits_other_users == wish.order.admits_other_users &&
               (!wish.order.warm || held.port->warm == *wish.order.warm) &&
               (!wish.number || *wish.number == held.port->number);
    });
    if (found == ports_.end()) {
        auto opened = open_somewhere(wish, remark);
        if (!opened) {
            return opened;
        }
        ports_.push_back({*std::move(opened), {}, false, !is_any});
        found = ports_.end() - 1;
    }
    found->is_wanted_so = found->is_wanted_so || wish.is_wanted_so;
    if (wish.holder != 0) {
        found->holders.insert(wish.holder);
    } else {
        found->is_kept = true;
    }
    return found->port;
}

void OpenPorts::hold_alike(const LocalPort& port, const LocalPort& like) {
    const auto find = [&](const LocalPort& wanted) {
        return std::find_if(ports_.begin(), ports_.end(),
                            [&](const HeldPort& held) { return held.port.get() == &wanted; });
    };
    const auto to = find(port);
    const auto from = find(like);
    if (to != ports_.end() && from != ports_.end()) {
        to->holders.insert(from->holders.begin(), from->holders.end());
        to->is_kept = from->is_kept;
        to->is_wanted_so = from->is_wanted_so;
    }
}

std::vector<LocalPortPtr> OpenPorts::close(std::string_view service, unsigned short number,
                                           const Refusal& why) {
    std::vector<LocalPortPtr> closed;
    std::erase_if(ports_, [&](const HeldPort& held) {
        if (held.port->service != service || (number != 0 && held.port->number != number)) {
            return false;
        }
        closed.push_back(held.port);
        return true;
    });
    for (const auto& port : closed) {
        agent_.close(*port, why);
    }
    return closed;
}

std::vector<LocalPortPtr> OpenPorts::release(std::uint64_t holder, const Refusal& why) {
    std::vector<LocalPortPtr> closed;
    std::erase_if(ports_, [&](HeldPort& held) {
        if (held.holders.erase(holder) == 0 || held.is_kept || !held.holders.empty()) {
            return false;
        }
        closed.push_back(held.port);
        return true;
    });
    for (const auto& port : closed) {
        agent_.close(*port, why);
    }
    return closed;
}

Outcome<void> OpenPorts::check_not_kept(const std::string& service, Mode mode, unsigned short number) {
    assignments_ = PortAssignments::load(folder_);
    const std::string other = assignments_.owner(number);
    if (other.empty() || other == book_name(service, mode)) {
        return {};
    }
    return Refusal{Code::already_exists,
                   fmt::format("port {} is kept for {}", number, other),
                   "Choose another port, or give that service another one first.",
                   {}};
}

Outcome<void> OpenPorts::remember(const std::string& service, Mode mode, unsigned short number) {
    const auto held = folder_.lock("ports.lock");
    if (!held) {
        return local_refusal(held.error());
    }
    if (auto checked = check_not_kept(service, mode, number); !checked) {
        return checked;
    }
    assignments_.remember(book_name(service, mode), number);
    if (auto saved = assignments_.save(folder_); !saved) {
        return local_refusal(saved.error());
    }
    return {};
}

const HeldPort* OpenPorts::of(std::string_view service) const {
    const HeldPort* best = nullptr;
    for (const auto& held : ports_) {
        if (held.port->service == service &&
            (best == nullptr || (!best->is_remembered && held.is_remembered))) {
            best = &held;
        }
    }
    return best;
}

bool OpenPorts::shows(std::string_view service, const std::shared_ptr<LoginSource>& logins) const {
    return std::any_of(ports_.begin(), ports_.end(), [&](const HeldPort& held) {
        return held.port->service == service && held.port->logins == logins;
    });
}

unsigned short OpenPorts::remembered(std::string_view service, Mode mode) const {
    return assignments_.find(book_name(service, mode));
}

std::vector<std::string> OpenPorts::remembered_services() const {
    std::vector<std::string> services;
    for (const auto& name : assignments_.names()) {
        const std::string service = name.substr(0, name.find('/'));
        if (std::find(services.begin(), services.end(), service) == services.end()) {
            services.push_back(service);
        }
    }
    return services;
}

}  // namespace postern::client
