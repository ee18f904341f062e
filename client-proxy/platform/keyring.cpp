#include "client-proxy/platform/keyring.hpp"

#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <systemd/sd-bus.h>

namespace postern::client::keyring {

namespace {

constexpr const char* kService = "org.freedesktop.secrets";
constexpr const char* kServicePath = "/org/freedesktop/secrets";
constexpr const char* kServiceInterface = "org.freedesktop.Secret.Service";
constexpr const char* kItemInterface = "org.freedesktop.Secret.Item";
constexpr const char* kPromptInterface = "org.freedesktop.Secret.Prompt";
constexpr const char* kSchema = "org.postern.LoginKey";
/// The object path that stands for "no object".
constexpr std::string_view kNothing = "/";
constexpr std::uint64_t kCallTimeout = 10'000'000;
constexpr auto kPromptTimeout = std::chrono::seconds(60);

using BusPtr = std::unique_ptr<sd_bus, sd_bus* (*)(sd_bus*)>;
using MessagePtr = std::unique_ptr<sd_bus_message, sd_bus_message* (*)(sd_bus_message*)>;
using SlotPtr = std::unique_ptr<sd_bus_slot, sd_bus_slot* (*)(sd_bus_slot*)>;

Failure unavailable(std::string_view why) {
    return {Code::unavailable, fmt::format("the desktop's keyring cannot be used: {}", why)};
}
Failure unavailable(int error) {
    return unavailable(std::strerror(-error));
}

/// A connection to the Secret Service with an open session.
class Conversation {
public:
    static Result<Conversation> open() {
        sd_bus* raw = nullptr;
        if (const int error = ::sd_bus_open_user(&raw); error < 0) {
            return unavailable("there is no D-Bus of this session (DBUS_SESSION_BUS_ADDRESS)");
        }
        Conversation conversation(BusPtr(raw, ::sd_bus_flush_close_unref));
        ::sd_bus_set_method_call_timeout(raw, kCallTimeout);
        auto question = conversation.question(kServicePath, kServiceInterface, "OpenSession");
        if (::sd_bus_message_append(question.get(), "sv", "plain", "s", "") < 0) {
            return unavailable("no memory");
        }
        auto answer = conversation.ask(std::move(question));
        if (!answer) {
            return answer.error();
        }
        const char* session = nullptr;
        if (::sd_bus_message_skip(answer->get(), "v") < 0 ||
            ::sd_bus_message_read(answer->get(), "o", &session) < 0) {
            return unavailable("it opens no session");
        }
        conversation.session_ = session;
        return conversation;
    }

    /// The object path of the item with that id, unlocked; empty when there is none.
    Result<std::string> item(const std::string& id) {
        auto asked = question(kServicePath, kServiceInterface, "SearchItems");
        if (::sd_bus_message_append(asked.get(), "a{ss}", 2, "xdg:schema", kSchema, "id", id.c_str()) < 0) {
            return unavailable("no memory");
        }
        auto answer = ask(std::move(asked));
        if (!answer) {
            return answer.error();
        }
        const auto open = paths_in(answer->get());
        const auto locked = paths_in(answer->get());
        if (!open.empty()) {
            return open.front();
        }
        if (locked.empty()) {
            return std::string();
        }
        if (auto unlocked = unlock(locked.front()); !unlocked) {
            return unlocked.error();
        }
        return locked.front();
    }

    Result<Secret> secret_of(const std::string& item) {
        auto asked = question(item.c_str(), kItemInterface, "GetSecret");
        ::sd_bus_message_append(asked.get(), "o", session_.c_str());
        auto answer = ask(std::move(asked));
        if (!answer) {
            return answer.error();
        }
        ::sd_bus_message_sensitive(answer->get());
        const void* bytes = nullptr;
        std::size_t size = 0;
        const bool is_read = ::sd_bus_message_enter_container(answer->get(), 'r', "oayays") > 0 &&
                             ::sd_bus_message_skip(answer->get(), "oay") >= 0 &&
                             ::sd_bus_message_read_array(answer->get(), 'y', &bytes, &size) > 0;
        if (!is_read) {
            return unavailable("it gives no secret");
        }
        return Secret(std::string_view(static_cast<const char*>(bytes), size));
    }

    Result<void> create(const std::string& id, const std::string& label, const Secret& secret) {
        auto collection = default_collection();
        if (!collection) {
            return collection.error();
        }
        if (auto unlocked = unlock(*collection); !unlocked) {
            return unlocked;
        }
        auto asked = question(collection->c_str(), "org.freedesktop.Secret.Collection", "CreateItem");
        sd_bus_message* const message = asked.get();
        ::sd_bus_message_sensitive(message);
        const bool is_made =
            ::sd_bus_message_append(message, "a{sv}", 2, "org.freedesktop.Secret.Item.Label", "s",
                                    label.c_str(), "org.freedesktop.Secret.Item.Attributes", "a{ss}", 2,
                                    "xdg:schema", kSchema, "id", id.c_str()) >= 0 &&
            ::sd_bus_message_open_container(message, 'r', "oayays") >= 0 &&
            ::sd_bus_message_append(message, "o", session_.c_str()) >= 0 &&
            ::sd_bus_message_append_array(message, 'y', nullptr, 0) >= 0 &&
            ::sd_bus_message_append_array(message, 'y', secret.reveal().data(), secret.reveal().size()) >=
                0 &&
            ::sd_bus_message_append(message, "s", "text/plain") >= 0 &&
            ::sd_bus_message_close_container(message) >= 0 && ::sd_bus_message_append(message, "b", 1) >= 0;
        if (!is_made) {
            return unavailable("no memory");
        }
        auto answer = ask(std::move(asked));
        if (!answer) {
            return answer.error();
        }
        const char* item = nullptr;
        const char* prompt = nullptr;
        if (::sd_bus_message_read(answer->get(), "oo", &item, &prompt) < 0) {
            return unavailable("it gives no item");
        }
        return confirm(prompt);
    }

    Result<void> remove(const std::string& item) {
        auto answer = ask(question(item.c_str(), kItemInterface, "Delete"));
        if (!answer) {
            return answer.error();
        }
        const char* prompt = nullptr;
        if (::sd_bus_message_read(answer->get(), "o", &prompt) < 0) {
            return unavailable("it does not delete");
        }
        return confirm(prompt);
    }

private:
    explicit Conversation(BusPtr bus) : bus_(std::move(bus)) {}

    MessagePtr question(const char* path, const char* interface, const char* method) const {
        sd_bus_message* message = nullptr;
        ::sd_bus_message_new_method_call(bus_.get(), &message, kService, path, interface, method);
        return {message, ::sd_bus_message_unref};
    }

    Result<MessagePtr> ask(MessagePtr question) const {
        if (!question) {
            return unavailable("no memory");
        }
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message* answer = nullptr;
        const int asked = ::sd_bus_call(bus_.get(), question.get(), 0, &error, &answer);
        Result<MessagePtr> result = MessagePtr(answer, ::sd_bus_message_unref);
        if (asked < 0) {
            result = error.message != nullptr ? unavailable(error.message) : unavailable(asked);
        }
        ::sd_bus_error_free(&error);
        return result;
    }

    static std::vector<std::string> paths_in(sd_bus_message* message) {
        std::vector<std::string> paths;
        if (::sd_bus_message_enter_container(message, 'a', "o") > 0) {
            const char* path = nullptr;
            while (::sd_bus_message_read(message, "o", &path) > 0) {
                paths.emplace_back(path);
            }
            ::sd_bus_message_exit_container(message);
        }
        return paths;
    }

    Result<std::string> default_collection() const {
        auto asked = question(kServicePath, kServiceInterface, "ReadAlias");
        ::sd_bus_message_append(asked.get(), "s", "default");
        auto answer = ask(std::move(asked));
        if (!answer) {
            return answer.error();
        }
        const char* path = nullptr;
        if (::sd_bus_message_read(answer->get(), "o", &path) < 0 || path == kNothing) {
            return unavailable("it has no default collection; make one in the keyring's own program");
        }
        return std::string(path);
    }

    Result<void> unlock(const std::string& path) {
        auto asked = question(kServicePath, kServiceInterface, "Unlock");
        ::sd_bus_message_append(asked.get(), "ao", 1, path.c_str());
        auto answer = ask(std::move(asked));
        if (!answer) {
            return answer.error();
        }
        paths_in(answer->get());
        const char* prompt = nullptr;
        if (::sd_bus_message_read(answer->get(), "o", &prompt) < 0) {
            return unavailable("it does not unlock");
        }
        return confirm(prompt);
    }

    struct Confirmation {
        bool is_done = false;
        bool is_dismissed = true;
    };
    static int completed(sd_bus_message* message, void* data, sd_bus_error*) {
        auto* const confirmation = static_cast<Confirmation*>(data);
        int is_dismissed = 1;
        ::sd_bus_message_read(message, "b", &is_dismissed);
        confirmation->is_dismissed = is_dismissed != 0;
        confirmation->is_done = true;
        return 0;
    }

    /// Waits until the person has answered the prompt, which the keyring shows in its own window.
    Result<void> confirm(std::string prompt) {
        if (prompt == kNothing) {
            return {};
        }
        Confirmation confirmation;
        sd_bus_slot* slot = nullptr;
        ::sd_bus_match_signal(bus_.get(), &slot, kService, prompt.c_str(), kPromptInterface, "Completed",
                              completed, &confirmation);
        const SlotPtr listening(slot, ::sd_bus_slot_unref);
        auto asked = question(prompt.c_str(), kPromptInterface, "Prompt");
        ::sd_bus_message_append(asked.get(), "s", "");
        if (auto answer = ask(std::move(asked)); !answer) {
            return answer.error();
        }
        const auto end = std::chrono::steady_clock::now() + kPromptTimeout;
        while (!confirmation.is_done && std::chrono::steady_clock::now() < end) {
            const int processed = ::sd_bus_process(bus_.get(), nullptr);
            if (processed < 0 || (processed == 0 && ::sd_bus_wait(bus_.get(), 1'000'000) < 0)) {
                return unavailable("it has gone");
            }
        }
        if (confirmation.is_dismissed) {
            return unavailable(confirmation.is_done ? "it was not unlocked"
                                                    : "it is locked, and nobody unlocked it");
        }
        return {};
    }

    BusPtr bus_;
    std::string session_;
};

}  // namespace

Result<void> store(const std::string& id, const std::string& label, const Secret& secret) {
    auto conversation = Conversation::open();
    return conversation ? conversation->create(id, label, secret) : conversation.error();
}

Result<Secret> find(const std::string& id) {
    auto conversation = Conversation::open();
    if (!conversation) {
        return conversation.error();
    }
    const auto item = conversation->item(id);
    if (!item) {
        return item.error();
    }
    if (item->empty()) {
        return Failure{Code::not_found, "the desktop's keyring has no key of this login"};
    }
    return conversation->secret_of(*item);
}

Result<void> forget(const std::string& id) {
    auto conversation = Conversation::open();
    if (!conversation) {
        return conversation.error();
    }
    const auto item = conversation->item(id);
    if (!item || item->empty()) {
        return item ? Result<void>() : item.error();
    }
    return conversation->remove(*item);
}

}  // namespace postern::client::keyring
