// Reads the parameters of a request, each with its exact type. JSON libraries convert numbers silently, and
// 5432.7 is not a port. All methods use this one reader. Nothing here has side effects.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace postern::client::control {

/// A parameter is missing or not valid; the text says which one, and what it takes. The request is answered
/// with ErrorCode::invalid_parameters.
class BadParameter : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

/// The parameters of one request; the JSON object outlives it. Every function but has() throws BadParameter.
/// A null value counts as not given.
class Parameters {
public:
    explicit Parameters(const nlohmann::json& object) : object_(object) {}

    bool has(std::string_view name) const;
    std::string text(std::string_view name) const;
    std::string text(std::string_view name, std::string_view fallback) const;
    bool flag(std::string_view name, bool fallback) const;
    std::vector<std::string> texts(std::string_view name) const;
    /// An integer from `least` to `most`.
    std::int64_t number(std::string_view name, std::int64_t least, std::int64_t most) const;
    std::optional<std::int64_t> optional_number(std::string_view name, std::int64_t least,
                                                std::int64_t most) const;
    /// An empty object when it is not given. The reference is valid as long as the JSON object.
    const nlohmann::json& object(std::string_view name) const;

private:
    const nlohmann::json* find(std::string_view name) const;
    const nlohmann::json& get(std::string_view name) const;

    const nlohmann::json& object_;
};

}  // namespace postern::client::control
