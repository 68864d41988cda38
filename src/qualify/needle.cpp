#include "qualify/needle.h"

#include <cmath>

namespace gptoss::qualify {
namespace {

constexpr std::array<std::string_view, 4> kSubjects = {"The baker", "A neighbour", "My cousin",
                                                       "The gardener"};
constexpr std::array<std::string_view, 5> kDeeds = {"walked along the river", "painted the old fence",
                                                    "waited for the bus", "read a long letter",
                                                    "watered the flowers"};
constexpr std::array<std::string_view, 3> kTimes = {"in the morning", "after the rain", "before dinner"};

}  // namespace

std::string filler_sentence(std::size_t number) {
    std::string sentence(kSubjects[number % kSubjects.size()]);
    sentence.append(" ").append(kDeeds[number % kDeeds.size()]);
    return sentence.append(" ").append(kTimes[number % kTimes.size()]).append(". ");
}

Needle make_needle(std::size_t sentences, double depth) {
    const std::string code = std::to_string(4711 + std::lround(depth * 1000) * 3);
    const auto place = static_cast<std::size_t>(std::lround(depth * static_cast<double>(sentences)));
    Needle needle;
    needle.answer = code;
    for (std::size_t i = 0; i <= sentences; ++i) {
        if (i == place) needle.question += "The harbour's secret number is " + code + ". ";
        if (i < sentences) needle.question += filler_sentence(i);
    }
    needle.question += "\n\nWhat is the harbour's secret number? Answer with the number alone.";
    return needle;
}

bool tells(std::string_view reply, std::string_view answer) {
    std::string digits;
    for (const char each : reply)
        if (each >= '0' && each <= '9')
            digits += each;
        else if (each != ' ' && each != ',' && each != '.')
            digits += '|';
    return digits.find(answer) != std::string::npos;
}

}  // namespace gptoss::qualify
