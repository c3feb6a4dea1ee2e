// The lines of gradproof's protocol: JSON as far as it needs it, and arrays with hex floats.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>
using std::string, std::vector;

struct Json {  // what of JSON the protocol needs
    string text;  // a string or a number as written; "null", "true", "false"
    vector<Json> items;
    std::map<string, Json> fields;
    double number() const { return std::strtod(text.c_str(), nullptr); }  // reads hex floats, inf and nan too
    const Json& operator[](const string& name) const { return fields.at(name); }
};

Json parse(const char*& at) {
    Json found;
    auto skip = [&] { while (*at == ' ' || *at == ',' || *at == ':') ++at; };
    skip();
    if (*at == '"') {
        for (++at; *at != '"'; ++at) found.text += *at;
        ++at;
    } else if (*at == '[') {
        for (++at, skip(); *at != ']'; skip()) found.items.push_back(parse(at));
        ++at;
    } else if (*at == '{') {
        for (++at, skip(); *at != '}'; skip()) {
            string name = parse(at).text;
            found.fields[name] = parse(at);
        }
        ++at;
    } else {
        while (*at && !strchr(" ,:]}", *at)) found.text += *at++;
    }
    return found;
}

struct Array {
    vector<int> shape;
    vector<double> data;
    explicit Array(vector<int> s = {}) : shape(std::move(s)) {
        size_t size = 1;
        for (int n : shape) size *= n;
        data.assign(size, 0.0);
    }
};

Array unpacked(const Json& packed) {
    Array array;
    for (auto& n : packed["shape"].items) array.shape.push_back(int(n.number()));
    array.data.clear();
    for (auto& v : packed["data"].items) array.data.push_back(v.number());
    return array;
}

string packed(const Array& array) {
    string out = "{\"dtype\": \"float64\", \"shape\": [", entry;
    for (size_t i = 0; i < array.shape.size(); ++i) out += (i ? ", " : "") + std::to_string(array.shape[i]);
    out += "], \"data\": [";
    for (size_t i = 0; i < array.data.size(); ++i) {
        char text[40];
        std::snprintf(text, sizeof text, "\"%a\"", array.data[i]);
        out += (i ? ", " : "") + string(text);
    }
    return out + "]}";
}
