//! The expressions of `size_is`, `length_is` and `switch_is`, over the fields next to them.

use super::{Resolver, Value};
use crate::ast::{BinaryOperator, Declared, Expression, ExpressionKind, UnaryOperator};
use crate::diagnostic::Report;
use crate::model::{Count, CountOperator};

impl Resolver<'_> {
    /// What `expression` says, where `siblings` are the fields that it may name.
    pub(super) fn count(&mut self, expression: &Expression, siblings: &[Declared]) -> Count {
        if !names_any(expression, siblings) {
            return self.constant_count(expression);
        }
        let checked = match &expression.kind {
            ExpressionKind::Name(name) => Some(Count::Source(name.clone())),
            ExpressionKind::Unary(UnaryOperator::Dereference | UnaryOperator::Plus, operand) => {
                Some(self.count(operand, siblings))
            }
            ExpressionKind::Binary(operator, left, right) => {
                self.binary_count(*operator, left, right, siblings)
            }
            ExpressionKind::Conditional(parts) => self.zero_of_null(parts, siblings),
            _ => None,
        };
        checked.unwrap_or_else(|| {
            self.reports.add(
                Report::warning(
                    expression.span,
                    "this expression is not checked; what is on the wire holds",
                    "too hard",
                )
                .help("checked are names, *names, p ? *p : 0, + - * / << >> and numbers"),
            );
            Count::Unchecked
        })
    }

    /// `p ? *p : 0`, which is what a field counts as anyway: null is zero.
    fn zero_of_null(&self, parts: &[Expression; 3], siblings: &[Declared]) -> Option<Count> {
        let [pointer, pointee, zero] = parts;
        let ExpressionKind::Name(name) = &pointer.kind else {
            return None;
        };
        let ExpressionKind::Unary(UnaryOperator::Dereference, operand) = &pointee.kind else {
            return None;
        };
        let is_pointee = matches!(&operand.kind, ExpressionKind::Name(operand) if operand == name);
        let is_zero = matches!(zero.kind, ExpressionKind::Integer(0));
        let is_sibling = names_any(pointer, siblings);
        (is_pointee && is_zero && is_sibling).then(|| Count::Source(name.clone()))
    }

    fn constant_count(&mut self, expression: &Expression) -> Count {
        match self.value_of(expression) {
            Ok(Value::Integer(value)) if value >= 0 => Count::Number(value),
            Ok(Value::Integer(value)) => {
                self.reports.add(Report::error(
                    expression.span,
                    "a count is not negative",
                    format!("{value}"),
                ));
                Count::Unchecked
            }
            _ => {
                let name = match &expression.kind {
                    ExpressionKind::Name(name) => format!("`{name}`"),
                    _ => "this".to_owned(),
                };
                self.reports.add(Report::error(
                    expression.span,
                    format!("{name} is neither a field next to this one nor a constant"),
                    "unknown",
                ));
                Count::Unchecked
            }
        }
    }

    fn binary_count(
        &mut self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        siblings: &[Declared],
    ) -> Option<Count> {
        let left = self.count(left, siblings);
        let right = self.count(right, siblings);
        if left == Count::Unchecked || right == Count::Unchecked {
            return Some(Count::Unchecked);
        }
        let number = |count: &Count| match count {
            Count::Number(number) => Some(*number),
            _ => None,
        };
        let power = number(&right)
            .and_then(|bits| u32::try_from(bits).ok())
            .filter(|bits| *bits < 64)
            .map(|bits| Count::Number(1i128 << bits));
        let (operator, right) = match operator {
            BinaryOperator::Add => (CountOperator::Add, right),
            BinaryOperator::Subtract => (CountOperator::Subtract, right),
            BinaryOperator::Multiply => (CountOperator::Multiply, right),
            BinaryOperator::Divide if number(&right).is_some_and(|divisor| divisor > 0) => {
                (CountOperator::Divide, right)
            }
            BinaryOperator::ShiftLeft => (CountOperator::Multiply, power?),
            BinaryOperator::ShiftRight => (CountOperator::Divide, power?),
            _ => return None,
        };
        Some(Count::Binary(operator, Box::new(left), Box::new(right)))
    }
}

/// Whether the expression names one of the fields.
fn names_any(expression: &Expression, siblings: &[Declared]) -> bool {
    match &expression.kind {
        ExpressionKind::Name(name) => siblings
            .iter()
            .any(|sibling| sibling.declarator.name.text == *name),
        ExpressionKind::Unary(_, operand) | ExpressionKind::Member(operand) => {
            names_any(operand, siblings)
        }
        ExpressionKind::Binary(_, left, right) => {
            names_any(left, siblings) || names_any(right, siblings)
        }
        ExpressionKind::Conditional(parts) => parts.iter().any(|part| names_any(part, siblings)),
        ExpressionKind::Integer(_) | ExpressionKind::Character(_) | ExpressionKind::String(_) => {
            false
        }
    }
}
