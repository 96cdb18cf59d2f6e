//! Interfaces, their operations, and what the ACF adds to them.

use super::Resolver;
use super::attributes::{self, Owner};
use super::chain::{Leaf, Place};
use crate::ast::{self, AcfInterface, AcfItem, Attribute, AttributeValue, Declaration, Declared};
use crate::diagnostic::Report;
use crate::model::{Interface, Notify, Operation, Parameter, PointerKind};

/// What an ACF says about operations, taken together.
#[derive(Clone, Copy, Default)]
struct Configuration {
    is_async: bool,
    is_nocode: bool,
    notify: Option<Notify>,
}

impl Configuration {
    fn with(self, attributes: &ast::Attributes) -> Self {
        Configuration {
            is_async: self.is_async || attributes.has("async"),
            is_nocode: (self.is_nocode || attributes.has("nocode")) && !attributes.has("code"),
            notify: if attributes.has("notify_flag") {
                Some(Notify::Flag)
            } else if attributes.has("notify") {
                Some(Notify::Plain)
            } else {
                self.notify
            },
        }
    }
}

impl<'a> Resolver<'a> {
    pub(super) fn interface(
        &mut self,
        interface: &'a ast::Interface,
        acf: Option<&'a AcfInterface>,
    ) {
        if let Some(acf) = acf {
            self.check_acf(interface, acf);
        }
        let scope = self.interface_scope(interface, true);
        let mut configuration = Configuration::default().with(&interface.attributes);
        if let Some(acf) = acf {
            configuration = configuration.with(&acf.attributes);
        }
        let is_local = interface.attributes.has("local");
        let mut operations = Vec::new();
        for declaration in &interface.declarations {
            if let Declaration::Operation(operation) = declaration
                && !is_local
                && !operation.attributes.has("local")
                && !operation.attributes.has("noopnum")
            {
                let item = acf.and_then(|acf| find(&acf.operations, &operation.name.text));
                operations.push(self.within(scope, |resolver| {
                    resolver.operation(operation, configuration, item)
                }));
            }
        }
        if operations.len() > usize::from(u16::MAX) {
            self.reports.add(Report::error(
                interface.name.span,
                "an interface has at most 65535 operations",
                "too many",
            ));
        }
        self.check_operation_names(&operations);
        let uuid = self.uuid(interface, !operations.is_empty());
        let version = self.version(interface);
        // An interface that only has types needs no UUID, and nothing of it can be called.
        let Some(uuid) = uuid else { return };
        if is_local {
            return;
        }
        self.model.interfaces.push(Interface {
            name: interface.name.text.clone(),
            docs: docs_or_helpstring(interface),
            uuid,
            version,
            has_strict_context_handles: interface.attributes.has("strict_context_handle")
                || acf.is_some_and(|acf| acf.attributes.has("strict_context_handle")),
            endpoints: strings(interface.attributes.get("endpoint")),
            operations,
        });
    }

    fn check_operation_names(&mut self, operations: &[Operation]) {
        let mut seen = std::collections::HashSet::new();
        for operation in operations {
            if !seen.insert(operation.name.as_str()) {
                self.reports.add(Report::error(
                    operation.span,
                    format!("there is an operation `{}` already", operation.name),
                    "defined twice",
                ));
            }
        }
    }

    fn check_acf(&mut self, interface: &'a ast::Interface, acf: &'a AcfInterface) {
        attributes::check(&acf.attributes, Owner::AcfInterface, self.reports);
        for item in &acf.typedefs {
            attributes::check(&item.attributes, Owner::AcfType, self.reports);
            if !self.typedefs.contains_key(item.name.text.as_str()) {
                self.unknown_in_idl(&item.name, "type");
            }
        }
        for item in &acf.operations {
            attributes::check(&item.attributes, Owner::AcfOperation, self.reports);
            let operation = interface.declarations.iter().find_map(|declaration| {
                let Declaration::Operation(operation) = declaration else {
                    return None;
                };
                (operation.name.text == item.name.text).then_some(operation)
            });
            let Some(operation) = operation else {
                self.unknown_in_idl(&item.name, "operation");
                continue;
            };
            for parameter in &item.parameters {
                attributes::check(&parameter.attributes, Owner::AcfOperation, self.reports);
                // A status parameter may be the ACF's own; it is the call's status here.
                let is_own = parameter.attributes.has("comm_status")
                    || parameter.attributes.has("fault_status");
                let named = |known: &Declared| known.declarator.name.text == parameter.name.text;
                if !is_own && !operation.parameters.iter().any(named) {
                    self.unknown_in_idl(&parameter.name, "parameter");
                }
            }
        }
    }

    fn unknown_in_idl(&mut self, name: &ast::Name, what: &str) {
        self.reports.add(Report::error(
            name.span,
            format!("the IDL file has no {what} `{}`", name.text),
            "unknown",
        ));
    }

    fn uuid(&mut self, interface: &ast::Interface, is_needed: bool) -> Option<u128> {
        let Some(attribute) = interface.attributes.get("uuid") else {
            if is_needed {
                self.reports.add(
                    Report::error(
                        interface.name.span,
                        "an interface with operations has a UUID",
                        "without one",
                    )
                    .help("write [uuid(…), version(1.0)] before it"),
                );
            }
            return None;
        };
        let (text, span) = match &attribute.value {
            AttributeValue::Raw(text, span) => (text.as_str(), *span),
            _ => ("", attribute.name.span),
        };
        let uuid = parse_uuid(text);
        if uuid.is_none() {
            self.reports.add(Report::error(
                span,
                "expected a UUID, 8-4-4-4-12 hexadecimal digits",
                "none",
            ));
        }
        uuid
    }

    fn version(&mut self, interface: &ast::Interface) -> (u16, u16) {
        let Some(attribute) = interface.attributes.get("version") else {
            return (0, 0);
        };
        let (text, span) = match &attribute.value {
            AttributeValue::Raw(text, span) => (text.as_str(), *span),
            _ => ("", attribute.name.span),
        };
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        match (major.trim().parse(), minor.trim().parse()) {
            (Ok(major), Ok(minor)) => (major, minor),
            _ => {
                self.reports.add(Report::error(
                    span,
                    "expected a version, major.minor, each at most 65535",
                    "none",
                ));
                (0, 0)
            }
        }
    }

    fn operation(
        &mut self,
        operation: &'a ast::Operation,
        configuration: Configuration,
        item: Option<&'a AcfItem>,
    ) -> Operation {
        attributes::check(&operation.attributes, Owner::Operation, self.reports);
        if let Some(message) = operation.attributes.get("message") {
            self.reports.add(Report::warning(
                message.name.span,
                "[message] has no effect: calls are made on connections, not through queues",
                "ignored",
            ));
        }
        let mut configuration = configuration.with(&operation.attributes);
        if let Some(item) = item {
            configuration = configuration.with(&item.attributes);
        }
        let mut parameters = Vec::new();
        for declared in &operation.parameters {
            attributes::check(&declared.attributes, Owner::Parameter, self.reports);
            parameters.extend(self.parameter(declared, operation));
        }
        self.check_parameters(&parameters);
        let result = self.result(operation);
        let is_maybe = operation.attributes.has("maybe");
        let gives = result.is_some() || parameters.iter().any(|parameter| parameter.is_out);
        self.check_answer(operation, configuration, is_maybe, gives);
        if is_maybe && parameters.iter().any(Parameter::is_pipe) {
            self.reports.add(Report::error(
                operation.name.span,
                "a [maybe] operation has no pipes",
                "nobody tells how far they are",
            ));
        }
        Operation {
            name: operation.name.text.clone(),
            docs: operation.docs.clone(),
            parameters,
            result,
            is_async: configuration.is_async,
            is_maybe,
            notify: configuration.notify,
            has_client: !configuration.is_nocode,
            span: operation.name.span,
        }
    }

    /// Refuses what has no meaning for an operation that nobody answers, or whose answer comes
    /// later. `gives`: it has something to answer.
    fn check_answer(
        &mut self,
        operation: &ast::Operation,
        configuration: Configuration,
        is_maybe: bool,
        gives: bool,
    ) {
        let span = operation.name.span;
        if is_maybe && gives {
            self.reports.add(Report::error(
                span,
                "a [maybe] operation returns nothing and has no [out] parameter",
                "nobody answers it",
            ));
        }
        if is_maybe && configuration.is_async {
            self.reports.add(Report::error(
                span,
                "a [maybe] operation has no answer that could come later",
                "[async]",
            ));
        }
        if configuration.notify.is_some() && configuration.is_async {
            self.reports.add(
                Report::error(
                    span,
                    "[notify] is for a manager routine that has replied when it returns",
                    "[async]",
                )
                .help("an [async] routine knows itself when it completes the call"),
            );
        }
    }

    fn result(&mut self, operation: &'a ast::Operation) -> Option<crate::model::Type> {
        let span = operation.name.span;
        let name = format!("{}_result", operation.name.text);
        let mut chain = self.chain(&operation.specifier, &operation.levels, Some(name))?;
        if chain.leaf == Leaf::Void && !chain.has_levels() {
            return None;
        }
        self.apply(
            &mut chain,
            &operation.attributes,
            &operation.parameters,
            Some(Place::Result),
        );
        self.build(&chain, Place::Result, span)
    }

    /// A parameter; `None` for a binding handle, and after an error.
    fn parameter(
        &mut self,
        declared: &'a Declared,
        operation: &'a ast::Operation,
    ) -> Option<Parameter> {
        let span = declared.declarator.name.span;
        let siblings = &operation.parameters;
        let chain = self.field_chain(declared, siblings, Place::Parameter, &operation.name.text)?;
        if chain.leaf == Leaf::Binding {
            if chain.has_levels() {
                self.reports.add(Report::error(
                    span,
                    "a binding handle is not sent",
                    "only as a parameter of its own",
                ));
            }
            return None;
        }
        let is_out = declared.attributes.has("out");
        let is_in = declared.attributes.has("in") || !is_out;
        let is_handle = declared.attributes.has("context_handle");
        if is_out && !chain.has_levels() {
            self.reports.add(
                Report::error(
                    span,
                    "an [out] parameter is a pointer or an array",
                    "has no place to be put",
                )
                .help("write a `*` before its name"),
            );
            return None;
        }
        let may_be_null = matches!(
            chain.outermost_kind(),
            Some(PointerKind::Unique | PointerKind::Full)
        );
        if is_out && !is_in && may_be_null && !is_handle {
            self.reports.add(
                Report::error(
                    span,
                    "the pointer of a parameter that is only [out] cannot be null",
                    "where would the value go?",
                )
                .help("add another `*` for a result that may be null"),
            );
            return None;
        }
        let field = self.finish_field(declared, siblings, &chain, Place::Parameter)?;
        Some(Parameter {
            field,
            is_in,
            is_out,
        })
    }

    /// A count that the server must know before it answers is not told by the answer.
    fn check_parameters(&mut self, parameters: &[Parameter]) {
        let mut seen = std::collections::HashSet::new();
        for parameter in parameters {
            if !seen.insert(parameter.field.name.as_str()) {
                self.reports.add(Report::error(
                    parameter.field.span,
                    format!("there is a `{}` already", parameter.field.name),
                    "defined twice",
                ));
            }
            if !parameter.is_in {
                continue;
            }
            let mut names = Vec::new();
            super::types::for_each_count(&parameter.field, &mut |count| {
                count.sources(&mut |name| names.push(name));
            });
            for name in names {
                let source = parameters.iter().find(|source| source.field.name == name);
                if source.is_some_and(|source| !source.is_in) {
                    self.reports.add(Report::error(
                        parameter.field.span,
                        format!("`{name}` is only [out], and this is [in]"),
                        "cannot depend on it",
                    ));
                }
            }
        }
        self.check_sources(parameters.iter().map(|parameter| &parameter.field));
    }

    /// Runs the checks that need everything to be resolved.
    pub(super) fn check(&mut self) {
        let definitions = std::mem::take(&mut self.model.definitions);
        super::conformance::check(&definitions, self.reports);
        self.model.definitions = definitions;
        super::pipes::check(&self.model, self.reports);
        for id in 0..self.model.definitions.len() {
            let kind = &mut self.model.definitions[id].kind;
            if let crate::model::DefinitionKind::Structure(fields) = kind {
                let fields = std::mem::take(fields);
                self.check_sources(fields.iter());
                self.model.definitions[id].kind = crate::model::DefinitionKind::Structure(fields);
            }
        }
    }
}

fn find<'a>(items: &'a [AcfItem], name: &str) -> Option<&'a AcfItem> {
    items.iter().find(|item| item.name.text == name)
}

fn docs_or_helpstring(interface: &ast::Interface) -> Vec<String> {
    if interface.docs.is_empty() {
        strings(interface.attributes.get("helpstring"))
    } else {
        interface.docs.clone()
    }
}

/// The strings among an attribute's arguments.
fn strings(attribute: Option<&Attribute>) -> Vec<String> {
    let expressions = attribute.into_iter().flat_map(Attribute::expressions);
    let strings = expressions.filter_map(|expression| match &expression.kind {
        ast::ExpressionKind::String(string) => Some(string.clone()),
        _ => None,
    });
    strings.collect()
}

/// 8-4-4-4-12 hexadecimal digits, with or without quotes and braces.
fn parse_uuid(text: &str) -> Option<u128> {
    let text = text.trim_matches(['"', '{', '}', ' ']);
    let groups: Vec<_> = text.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    if lengths != [8, 4, 4, 4, 12] || !text.is_ascii() {
        return None;
    }
    let digits = groups.concat();
    // `from_str_radix` would take a sign.
    if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}
