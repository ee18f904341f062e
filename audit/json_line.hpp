// Writes one JSON object as a line of ASCII, field by field in the order of the calls, each named by its path
// ("source.ip"). Two records are written for each connection, so that no tree is built on the way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace postern::audit {

class JsonLine {
public:
    /// `extras` are objects whose members are put in where the line has none of that name, the first one's
    /// first; what the line has stays. They must outlive this object, and the fields of one object must come
    /// together.
    explicit JsonLine(std::vector<const nlohmann::ordered_json*> extras);

    void text(std::string_view path, std::string_view value);
    void number(std::string_view path, std::uint64_t value);
    void texts(std::string_view path, const std::vector<std::string>& values);
    /// As it stands.
    void json(std::string_view path, std::string_view value);
    /// The object, though no field of it may come.
    void object(std::string_view path);
    /// Closes the line. To be called once.
    std::string finish();

private:
    /// An object that is being written.
    struct Level {
        std::string_view name;
        /// Of names_, those from here on are its members'.
        std::size_t first_name = 0;
        std::vector<const nlohmann::ordered_json*> extras;
    };

    void begin(std::string_view path);
    void open(std::string_view name);
    void close();
    void begin_member(std::string_view name);
    void put(std::string_view value);

    std::string line_;
    std::vector<Level> levels_;
    std::vector<std::string_view> names_;
};

}  // namespace postern::audit
