/// Returns a number with the noun that it counts: "1 step", "2 steps".
package func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
