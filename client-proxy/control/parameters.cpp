#include "client-proxy/control/parameters.hpp"

#include <limits>

namespace postern::client::control {

namespace {

using nlohmann::json;

[[noreturn]] void refuse(std::string_view name, const std::string& what) {
    throw BadParameter(std::string(name) + " " + what);
}

std::string text_of(const json& value, std::string_view name) {
    if (!value.is_string()) {
        refuse(name, "is a string");
    }
    return value.get<std::string>();
}

}  // namespace

const json* Parameters::find(std::string_view name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const json& Parameters::get(std::string_view name) const {
    const json* const found = find(name);
    if (found == nullptr) {
        refuse(name, "is missing");
    }
    return *found;
}

bool Parameters::has(std::string_view name) const {
    return find(name) != nullptr;
}

std::string Parameters::text(std::string_view name) const {
    return text_of(get(name), name);
}

std::string Parameters::text(std::string_view name, std::string_view fallback) const {
    const json* const found = find(name);
    return found == nullptr ? std::string(fallback) : text_of(*found, name);
}

bool Parameters::flag(std::string_view name, bool fallback) const {
    const json* const found = find(name);
    if (found == nullptr) {
        return fallback;
    }
    if (!found->is_boolean()) {
        refuse(name, "is true or false");
    }
    return found->get<bool>();
}

std::vector<std::string> Parameters::texts(std::string_view name) const {
    std::vector<std::string> list;
    const json* const found = find(name);
    if (found == nullptr) {
        return list;
    }
    if (!found->is_array()) {
        refuse(name, "is an array of strings");
    }
    for (const json& item : *found) {
        if (!item.is_string()) {
            refuse(name, "is an array of strings");
        }
        list.push_back(item.get<std::string>());
    }
    return list;
}

std::optional<std::int64_t> Parameters::optional_number(std::string_view name, std::int64_t least,
                                                        std::int64_t most) const {
    const json* const found = find(name);
    if (found == nullptr) {
        return std::nullopt;
    }
    // An unsigned value may exceed the range of a signed one.
    const bool is_too_large =
        found->is_number_unsigned() &&
        found->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (!found->is_number_integer() || is_too_large || found->get<std::int64_t>() < least ||
        found->get<std::int64_t>() > most) {
        refuse(name, "is a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    }
    return found->get<std::int64_t>();
}

std::int64_t Parameters::number(std::string_view name, std::int64_t least, std::int64_t most) const {
    get(name);
    return *optional_number(name, least, most);
}

const json& Parameters::object(std::string_view name) const {
    static const json kEmpty = json::object();
    const json* const found = find(name);
    if (found == nullptr) {
        return kEmpty;
    }
    if (!found->is_object()) {
        refuse(name, "is an object");
    }
    return *found;
}

}  // namespace postern::client::control
