//! What an operation becomes: its names, its two parameter lists, its arguments.

use std::collections::HashMap;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};

use super::contexts::{self, Context};
use super::fields::{Borrow, FieldCode, Owner, Siblings};
use super::given::Given;
use super::names::{self, Names};
use super::pipes::{self, Pipe, Pipes};
use super::scalars::integer_type;
use super::{Generator, docs};
use crate::model::{
    ArrayShape, Count, Field, Notify, Operation, Parameter, PointerKind, Scalar, Type,
};

/// An operation, ready to be written.
pub(super) struct Plan {
    pub(super) idl_name: String,
    pub(super) docs: Vec<String>,
    pub(super) opnum: u16,
    pub(super) opnum_ident: Ident,
    pub(super) blocking: Ident,
    pub(super) future: Ident,
    pub(super) handle: Ident,
    pub(super) request: Option<Params>,
    pub(super) response: Option<Params>,
    /// What the request tells about the response.
    pub(super) given: Option<Given>,
    pub(super) pipes: Option<Pipes>,
    /// The response as the server writes it, if it can borrow the request.
    pub(super) reply: Option<Ident>,
    pub(super) is_async: bool,
    pub(super) is_maybe: bool,
    /// The context handles among the parameters.
    pub(super) contexts: Vec<Context>,
    /// What is called after the manager routine.
    pub(super) notification: Option<(Notify, Ident)>,
    pub(super) has_client: bool,
}

/// A parameter list in one direction.
pub(super) struct Params {
    pub(super) ident: Ident,
    pub(super) fields: Vec<FieldCode>,
    /// In-parameters that tell the length of another one, which tells it itself.
    pub(super) elided: Vec<Elided>,
    is_clone: bool,
    is_copy: bool,
    is_eq: bool,
}

/// A length that is no argument.
pub(super) struct Elided {
    pub(super) length: Ident,
    pub(super) array: Ident,
    pub(super) ty: TokenStream,
}

impl Plan {
    /// The in-parameters that are arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &FieldCode> {
        self.request.iter().flat_map(Params::arguments)
    }

    /// The pipes, which are arguments of manager routines behind the others.
    pub(super) fn each_pipe(&self) -> impl Iterator<Item = &Pipe> {
        self.pipes.iter().flat_map(|pipes| &pipes.pipes)
    }

    /// The names of the arguments of a manager routine, and of what tells about the response: no
    /// variable of a stub may have them.
    pub(super) fn argument_names(&self) -> Vec<&Ident> {
        let pipes = self.each_pipe().map(|pipe| &pipe.ident);
        let given = self.given.iter().flat_map(|given| &given.fields);
        self.arguments()
            .map(|field| &field.ident)
            .chain(pipes)
            .chain(given.map(|(name, _)| name))
            .collect()
    }

    /// A pattern that takes the arguments out of the request, and what tells about the response.
    pub(super) fn request_pattern(&self) -> TokenStream {
        let Some(request) = &self.request else {
            return quote!(());
        };
        let ident = &request.ident;
        let is_taken = |field: &&FieldCode| {
            let is_given = self.given.as_ref().is_some_and(|g| g.has(&field.ident));
            is_given || request.elided_as(&field.ident).is_none()
        };
        let taken: Vec<_> = request.fields.iter().filter(is_taken).collect();
        let rest = (taken.len() < request.fields.len()).then(|| quote!(, ..));
        let names = taken.iter().map(|field| &field.ident);
        quote!(#ident { #(#names),* #rest })
    }

    /// The type of the out-parameters together.
    pub(super) fn response_type(&self) -> TokenStream {
        match &self.response {
            Some(response) => response.ident.to_token_stream(),
            None => quote!(()),
        }
    }

    /// The out-parameter, if it is the only one.
    pub(super) fn only_output(&self) -> Option<&FieldCode> {
        match self.response.as_ref().map(|r| r.fields.as_slice()) {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    /// What a method returns that gives the out-parameters, unless it may borrow.
    pub(super) fn output(&self) -> TokenStream {
        match self.only_output() {
            Some(only) => only.ty.clone(),
            None => self.response_type(),
        }
    }

    /// Whether the manager routine blocks while it pulls and pushes.
    pub(super) fn blocks(&self) -> bool {
        self.pipes.is_some() && !self.is_async
    }
}

impl Params {
    pub(super) fn borrows(&self) -> bool {
        self.fields
            .iter()
            .any(|field| field.borrow != Borrow::Nothing)
    }

    /// The fields that are arguments.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &FieldCode> {
        self.fields
            .iter()
            .filter(|field| self.elided_as(&field.ident).is_none())
    }

    pub(super) fn elided_as(&self, field: &Ident) -> Option<&Elided> {
        self.elided.iter().find(|elided| elided.length == *field)
    }
}

impl Generator<'_> {
    /// Chooses names and lays out the parameters of all operations of an interface.
    pub(super) fn plans(&mut self, operations: &[Operation], methods: &mut Names) -> Vec<Plan> {
        operations
            .iter()
            .zip(0u16..)
            .map(|(operation, opnum)| self.plan(operation, opnum, methods))
            .collect()
    }

    fn plan(&mut self, operation: &Operation, opnum: u16, methods: &mut Names) -> Plan {
        let method = names::snake(&operation.name);
        let notification = operation.notify.map(|notify| match notify {
            Notify::Plain => "_notify",
            Notify::Flag => "_notify_flag",
        });
        let forms = ["", "_future", "_async"];
        let names: Vec<_> = forms.into_iter().chain(notification).collect();
        let method = methods.take_family(&method, &names);
        let camel = names::camel(&operation.name);
        let has_pipes = operation.parameters.iter().any(Parameter::is_pipe);
        let endings = ["Request", "Response", "Reply", "Given"].into_iter();
        let endings: Vec<_> = endings.chain(has_pipes.then_some("Pipes")).collect();
        let family = self.names.take_family(&camel, &endings);
        let opnum_ident = names::ident(&self.names.take(&names::screaming(&operation.name)));
        // The result's name is the result's own.
        let mut field_names = Names::default();
        let result_name = operation
            .result
            .as_ref()
            .map(|_| field_names.take("result"));
        let field_names = pipes::take_names(operation, &mut field_names);
        let pipes = self.pipes(operation, &field_names, &family);
        let idents: Vec<_> = field_names.iter().map(|name| names::ident(name)).collect();
        let request = self.request(operation, &idents, &format!("{family}Request"));
        let response = self.response(
            operation,
            &idents,
            result_name.as_deref(),
            &format!("{family}Response"),
        );
        let given = given(
            request.as_ref(),
            response.as_ref(),
            &format!("{family}Given"),
        );
        let can_borrow = !operation.is_async
            && !self.options.shared_arrays
            && request.as_ref().is_some_and(Params::borrows)
            && response
                .as_ref()
                .is_some_and(|response| matches!(&response.fields[..], [only] if only.is_bytes));
        Plan {
            idl_name: operation.name.clone(),
            docs: operation.docs.clone(),
            opnum,
            opnum_ident,
            blocking: names::ident(&method),
            future: names::ident(&format!("{method}_future")),
            handle: names::ident(&format!("{method}_async")),
            request,
            response,
            given,
            pipes,
            reply: can_borrow.then(|| names::ident(&format!("{family}Reply"))),
            is_async: operation.is_async,
            is_maybe: operation.is_maybe,
            contexts: contexts::of(self.model, operation, &idents),
            notification: operation
                .notify
                .zip(notification)
                .map(|(notify, ending)| (notify, names::ident(&format!("{method}{ending}")))),
            has_client: operation.has_client,
        }
    }

    fn request(&mut self, operation: &Operation, idents: &[Ident], name: &str) -> Option<Params> {
        let ins: Vec<(&Field, &Ident)> = operation
            .parameters
            .iter()
            .zip(idents)
            .filter(|(parameter, _)| parameter.is_in && !parameter.is_pipe())
            .map(|(parameter, ident)| (&parameter.field, ident))
            .collect();
        let mut params = self.params(&ins, HashMap::new(), Owner::Request, name)?;
        params.elided = elided(&operation.parameters, idents);
        Some(params)
    }

    fn response(
        &mut self,
        operation: &Operation,
        idents: &[Ident],
        result_name: Option<&str>,
        name: &str,
    ) -> Option<Params> {
        let result = operation
            .result
            .as_ref()
            .zip(result_name)
            .map(|(ty, name)| {
                let field = Field {
                    name: name.to_owned(),
                    docs: vec!["What the operation returns.".to_owned()],
                    ty: ty.clone(),
                    switch_is: None,
                    range: None,
                    span: operation.span,
                };
                (field, names::ident(name))
            });
        let outs = operation.parameters.iter().zip(idents);
        let mut outs: Vec<(&Field, &Ident)> = outs
            .filter(|(parameter, _)| parameter.is_out && !parameter.is_pipe())
            .map(|(parameter, ident)| (&parameter.field, ident))
            .collect();
        outs.extend(result.iter().map(|(field, ident)| (field, ident)));
        let given = operation
            .parameters
            .iter()
            .zip(idents)
            .filter(|(parameter, _)| self.can_be_given(parameter))
            .map(|(parameter, ident)| (parameter.field.name.clone(), ident.clone()))
            .collect();
        self.params(&outs, given, Owner::Response, name)
    }

    /// Whether only the request has it, and a copy of it can be kept until the reply.
    fn can_be_given(&self, parameter: &Parameter) -> bool {
        parameter.is_in && !parameter.is_out && self.graph.type_is_copy(&parameter.field.ty)
    }

    fn params(
        &mut self,
        list: &[(&Field, &Ident)],
        given: HashMap<String, Ident>,
        owner: Owner,
        name: &str,
    ) -> Option<Params> {
        if list.is_empty() {
            return None;
        }
        let named = |(field, ident): &(&Field, &Ident)| (field.name.clone(), (*ident).clone());
        let siblings = Siblings {
            fields: list.iter().map(named).collect(),
            given,
        };
        let fields: Vec<_> = list
            .iter()
            .map(|(field, ident)| self.field(field, owner, &siblings, (*ident).clone()))
            .collect();
        let is_copy = list.iter().zip(&fields).all(|((field, _), code)| {
            code.borrow != Borrow::Nothing || self.graph.type_is_copy(&field.ty)
        });
        let is_clone = list
            .iter()
            .all(|(field, _)| self.graph.type_is_clone(&field.ty));
        let is_eq = list
            .iter()
            .all(|(field, _)| self.graph.type_is_eq(&field.ty));
        Some(Params {
            ident: names::ident(name),
            fields,
            elided: Vec::new(),
            is_clone,
            is_copy,
            is_eq,
        })
    }

    /// The structs of the parameter lists.
    pub(super) fn params_items(&self, plan: &Plan) -> TokenStream {
        let name = &plan.idl_name;
        let request = plan.request.as_ref().map(|params| {
            let docs = docs::lines([format!("`{name}`: in-parameters.")]);
            self.params_item(params, None, &docs)
        });
        let told = plan.given.as_ref().map(|given| &given.ident);
        let response = plan.response.as_ref().map(|params| {
            let docs = docs::lines([format!("`{name}`: out-parameters.")]);
            self.params_item(params, told, &docs)
        });
        let given = plan.given.as_ref().zip(plan.request.as_ref());
        let given = given.map(|(given, request)| given.items(name, request));
        let reply = plan.reply.as_ref().zip(plan.response.as_ref());
        let reply = reply.map(|(ident, response)| {
            let members = response.fields.iter().map(|field| {
                let (name, attribute) = (&field.ident, field.ndr_attribute());
                quote!(#attribute #name: &'a [u8])
            });
            let docs = docs::lines([format!("`{name}`: out-parameters, borrowed.")]);
            let told = told.map(|given| quote!(, given = #given));
            quote! {
                #docs
                #[derive(NdrParams)]
                #[ndr(encode_only, crate = ::annulus::ndr #told)]
                struct #ident<'a> { #(#members),* }
            }
        });
        let pipes = self.pipes_items(plan);
        quote!(#request #response #given #reply #pipes)
    }

    fn params_item(
        &self,
        params: &Params,
        given: Option<&Ident>,
        docs: &TokenStream,
    ) -> TokenStream {
        let given = given.map(|given| quote!(, given = #given));
        let (more, copy) = (self.more_derives(), params.is_copy.then(|| quote!(Copy,)));
        let eq = params.is_eq.then(|| quote!(Eq,));
        let derives = if params.is_clone {
            quote!(Clone, #copy Debug, PartialEq, #eq NdrParams #more)
        } else {
            quote!(Debug, NdrParams #more)
        };
        let lifetime = params.borrows().then(|| quote!(<'a>));
        let ident = &params.ident;
        let members = params.fields.iter().map(FieldCode::definition);
        quote! {
            #docs
            #[derive(#derives)]
            #[ndr(crate = ::annulus::ndr #given)]
            pub struct #ident #lifetime { #(#members),* }
        }
    }
}

/// Those in-parameters that the fields of the response use.
fn given(request: Option<&Params>, response: Option<&Params>, name: &str) -> Option<Given> {
    let used = |field: &&FieldCode| {
        let mut told = response.iter().flat_map(|response| &response.fields);
        told.any(|about| about.given.contains(&field.ident))
    };
    let fields: Vec<_> = request?
        .fields
        .iter()
        .filter(used)
        .map(|field| (field.ident.clone(), field.ty.clone()))
        .collect();
    (!fields.is_empty()).then(|| Given {
        ident: names::ident(name),
        fields,
    })
}

/// The lengths that their arrays tell: plain integers that are only [in] and are the whole
/// `size_is` of an [in] array that cannot be null.
fn elided(parameters: &[Parameter], idents: &[Ident]) -> Vec<Elided> {
    let mut elided = Vec::new();
    for (length, ident) in parameters.iter().zip(idents) {
        let Type::Scalar(Scalar::Integer { bits, signed }) = length.field.ty else {
            continue;
        };
        if length.is_out {
            continue;
        }
        let array = parameters
            .iter()
            .zip(idents)
            .find(|(array, _)| array.is_in && is_sized_by(&array.field.ty, &length.field.name));
        if let Some((_, array)) = array {
            elided.push(Elided {
                length: ident.clone(),
                array: array.clone(),
                ty: integer_type(bits, signed),
            });
        }
    }
    elided
}

fn is_sized_by(ty: &Type, name: &str) -> bool {
    let is_source = |count: &Count| matches!(count, Count::Source(source) if source == name);
    match ty {
        Type::Pointer(PointerKind::Ref, to) => is_sized_by(to, name),
        Type::Array(array) => match &array.shape {
            ArrayShape::Conformant {
                size,
                first: None,
                length,
            } => is_source(size) && length.as_ref().is_none_or(is_source),
            _ => false,
        },
        _ => false,
    }
}
