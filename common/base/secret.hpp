// A string that must not reach a log: passwords, passphrases, tokens. It has no formatter and no operator<<,
// and it wipes its memory when it goes.
#pragma once

#include <string.h>

#include <string>
#include <string_view>
#include <utility>

namespace postern {

class Secret {
public:
    Secret() = default;
    /// Takes the text over and wipes the string it came in.
    explicit Secret(std::string&& text) : text_(text) { wipe(text); }
    explicit Secret(std::string_view text) : text_(text) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe(text_);
            text_ = other.text_;
        }
        return *this;
    }
    Secret(Secret&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe(text_);
            text_ = std::move(other.text_);
            wipe(other.text_);
        }
        return *this;
    }
    ~Secret() { wipe(text_); }

    /// The text itself. The name is long so that each use stands out in a review.
    std::string_view reveal() const noexcept { return text_; }
    bool is_empty() const noexcept { return text_.empty(); }

private:
    /// All of the memory: a short text stays behind, past the end, in the string that it was moved from.
    static void wipe(std::string& text) noexcept {
        text.resize(text.capacity());
        explicit_bzero(text.data(), text.size());
        text.clear();
    }

    std::string text_;
};

}  // namespace postern
