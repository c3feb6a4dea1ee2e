// Reverse mode over a dozen ops, speaking gradproof's protocol (docs/process-protocol.md): a JSON line in, a JSON line out.
#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include "line.hpp"

vector<int> joint(const vector<int>& a, const vector<int>& b) {  // the shape that two broadcast to
    vector<int> out(std::max(a.size(), b.size()), 1);
    for (auto* shape : {&a, &b})
        for (size_t i = 0; i < shape->size(); ++i)
            if (int n = (*shape)[shape->size() - 1 - i]; n != 1) out[out.size() - 1 - i] = n;
    return out;
}

size_t place(size_t flat, const vector<int>& out, const vector<int>& in) {  // where an entry of the broadcast array is read
    size_t found = 0, stride = 1;
    for (size_t i = 0; i < out.size(); ++i) {
        size_t index = flat % out[out.size() - 1 - i];
        flat /= out[out.size() - 1 - i];
        if (i >= in.size()) continue;
        int n = in[in.size() - 1 - i];
        if (n != 1) found += index * stride;
        stride *= n;
    }
    return found;
}

using Two = std::function<double(double, double)>;
struct Rule { Two value, left, right; };  // of x and y, and the slope by each; an op of one operand has no right
const std::map<string, Rule> RULES = {
    {"exp", {[](double x, double) { return std::exp(x); }, [](double x, double) { return std::exp(x); }, {}}},
    {"log", {[](double x, double) { return std::log(x); }, [](double x, double) { return 1 / x; }, {}}},
    {"sin", {[](double x, double) { return std::sin(x); }, [](double x, double) { return std::cos(x); }, {}}},
    {"cos", {[](double x, double) { return std::cos(x); }, [](double x, double) { return -std::sin(x); }, {}}},
    {"tanh", {[](double x, double) { return std::tanh(x); }, [](double x, double) { double c = std::cosh(x); return 1 / c / c; }, {}}},
    {"sqrt", {[](double x, double) { return std::sqrt(x); }, [](double x, double) { return 0.5 / std::sqrt(x); }, {}}},
    {"square", {[](double x, double) { return x * x; }, [](double x, double) { return 2 * x; }, {}}},
    {"negative", {[](double x, double) { return -x; }, [](double, double) { return -1.0; }, {}}},
    {"add", {[](double x, double y) { return x + y; }, [](double, double) { return 1.0; }, [](double, double) { return 1.0; }}},
    {"subtract", {[](double x, double y) { return x - y; }, [](double, double) { return 1.0; }, [](double, double) { return -1.0; }}},
    {"multiply", {[](double x, double y) { return x * y; }, [](double, double y) { return y; }, [](double x, double) { return x; }}},
    {"divide", {[](double x, double y) { return x / y; }, [](double, double y) { return 1 / y; }, [](double x, double y) { return -x / y / y; }}},
};

vector<int> left(const vector<int>& shape, const Json& params, bool keep) {  // the shape of a sum; kept axes have length 1
    const Json& axis = params["axis"];
    vector<bool> gone(shape.size(), axis.text == "null");
    vector<Json> axes = axis.text.empty() ? axis.items : axis.text == "null" ? vector<Json>{} : vector<Json>{axis};
    for (auto& a : axes) gone[(int(a.number()) + shape.size()) % shape.size()] = true;
    vector<int> out;
    for (size_t i = 0; i < shape.size(); ++i) if (!gone[i] || keep) out.push_back(gone[i] ? 1 : shape[i]);
    return out;
}

string answer(const Json& request) {
    string out, task = request["do"].text;
    if (task == "hello") {
        for (auto& [name, rule] : RULES) out += "\"" + name + "\", ";
        return "{\"name\": \"cpp\", \"version\": \"1\", \"dtypes\": [\"float64\"], \"ops\": [" + out + "\"sum\"]}";
    }
    vector<Array> values, adjoints;
    auto &program = request["program"].items, &places = request["outputs"].items;
    auto operand = [&](const Json& step, size_t i) { auto& all = step["operands"].items; return size_t(all[std::min(i, all.size() - 1)].number()); };
    for (auto& step : program) {
        const string& op = step["op"].text;
        if (op == "primal") values.push_back(unpacked(request["primals"].items[int(step["place"].number())]));
        else if (op == "constant") values.push_back(unpacked(step["value"]));
        else if (op == "sum") {
            const Array x = values[operand(step, 0)];
            Array total(left(x.shape, step["params"], true));
            vector<int> whole = total.shape;
            for (size_t i = 0; i < x.data.size(); ++i) total.data[place(i, x.shape, whole)] += x.data[i];
            total.shape = left(x.shape, step["params"], step["params"]["keepdims"].text == "true");
            values.push_back(total);
        } else {
            const Array x = values[operand(step, 0)], y = values[operand(step, 1)];
            Array result(joint(x.shape, y.shape));
            for (size_t i = 0; i < result.data.size(); ++i)
                result.data[i] = RULES.at(op).value(x.data[place(i, result.shape, x.shape)], y.data[place(i, result.shape, y.shape)]);
            values.push_back(result);
        }
    }
    if (task == "value") {
        for (auto& i : places) out += (out.empty() ? "" : ", ") + packed(values[int(i.number())]);
        return "{\"outputs\": [" + out + "]}";
    }
    for (auto& value : values) adjoints.emplace_back(value.shape);
    for (size_t i = 0; i < places.size(); ++i) {
        Array ct = unpacked(request["cotangents"].items[i]);
        for (size_t k = 0; k < ct.data.size(); ++k) adjoints[int(places[i].number())].data[k] += ct.data[k];
    }
    for (size_t s = program.size(); s-- > 0;) {  // the reverse sweep
        const string& op = program[s]["op"].text;
        if (op == "primal" || op == "constant") continue;
        size_t a = operand(program[s], 0), b = operand(program[s], 1);
        const Array &ct = adjoints[s], &x = values[a], &y = values[b];
        if (op == "sum")
            for (size_t i = 0; i < x.data.size(); ++i) adjoints[a].data[i] += ct.data[place(i, x.shape, left(x.shape, program[s]["params"], true))];
        else for (size_t i = 0; i < ct.data.size(); ++i) {
            if (ct.data[i] == 0) continue;  // 0 times an infinite slope is no NaN
            const Rule& rule = RULES.at(op);
            size_t p = place(i, ct.shape, x.shape), q = place(i, ct.shape, y.shape);
            adjoints[a].data[p] += ct.data[i] * rule.left(x.data[p], y.data[q]);
            if (rule.right) adjoints[b].data[q] += ct.data[i] * rule.right(x.data[p], y.data[q]);
        }
    }
    for (size_t s = 0; s < program.size(); ++s)
        if (program[s]["op"].text == "primal") out += (out.empty() ? "" : ", ") + packed(adjoints[s]);
    return "{\"gradients\": [" + out + "]}";
}

int main() {
    for (string line; std::getline(std::cin, line);) {
        const char* at = line.c_str();
        std::cout << answer(parse(at)) << std::endl;
    }
}
