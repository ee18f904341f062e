// The parameters of a request, each read as the type that it is and as nothing else: JSON's numbers turn into
// one another without a word, and 5432.7 is no port. One reading for all methods. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace postern::client::control {

/// A parameter is missing, or not what it has to be; says which, and what it takes. Answered with
/// ErrorCode::invalid_parameters.
class BadParameter : public std::invalid_argument {
public:
    using std::invalid_argument::invalid_argument;
};

/// Of an object that outlives it. All throw BadParameter. null is the same as not given.
class Parameters {
public:
    explicit Parameters(const nlohmann::json& object) : object_(object) {}

    bool has(std::string_view name) const;
    std::string text(std::string_view name) const;
    std::string text(std::string_view name, std::string_view fallback) const;
    bool flag(std::string_view name, bool fallback) const;
    std::vector<std::string> texts(std::string_view name) const;
    /// A whole number from `least` to `most`.
    std::int64_t number(std::string_view name, std::int64_t least, std::int64_t most) const;
    std::optional<std::int64_t> optional_number(std::string_view name, std::int64_t least,
                                                std::int64_t most) const;
    /// An empty one when it is not given.
    const nlohmann::json& object(std::string_view name) const;

private:
    const nlohmann::json* find(std::string_view name) const;
    const nlohmann::json& get(std::string_view name) const;

    const nlohmann::json& object_;
};

}  // namespace postern::client::control
