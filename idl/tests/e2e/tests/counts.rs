//! Counts and discriminants that only the request tells: managers that answer as asked and
//! otherwise, of each kind of stub, and servers that do not care.

use annulus::ndr::{
    ArraySection, ByteOrder, Gives, Ndr, Ndr64, Params, Syntax, decode_given, encode,
};
use annulus::{
    AsyncContext, AsyncHandle, Binding, CallContext, Config, Cores, Dispatch, Event, Interface,
    Notify, PullPipe, Runtime, Server, ServerCall, Serving, Status, SyntaxId,
};
use annulus_idl_e2e::counts::*;
use annulus_idl_e2e::epmapper::{EptMapGiven, EptMapResponse};

/// Answers with this many elements more than asked for.
#[derive(Clone, Copy)]
struct Answers {
    more: i32,
}

impl Answers {
    fn values(self, n: i32) -> Vec<i32> {
        (0..n + self.more).collect()
    }

    fn some(self, max: i32) -> PartResponse {
        // One less than there is room for, if it answers as asked.
        let values = self.values(max - 1 + self.more);
        PartResponse {
            n: values.len() as i32,
            values,
        }
    }

    fn letters(self, max: i32) -> String {
        "x".repeat((max - 1 + self.more) as usize)
    }

    fn choice(self, level: i16) -> Choice {
        if i32::from(level) + self.more == 1 {
            Choice::Number(7)
        } else {
            Choice::Mark(8)
        }
    }

    fn piece(self, from: i32, n: i32) -> ArraySection<i16> {
        ArraySection::part(
            [8],
            [(from + self.more) as usize],
            [n as usize],
            vec![3; n as usize],
        )
    }

    fn bytes(self, count: i32) -> Vec<u8> {
        vec![5; (count + self.more) as usize]
    }

    fn twice(self, data: &[u8]) -> Vec<i16> {
        let twice = data.iter().map(|byte| i16::from(*byte) * 2);
        twice.chain((0..self.more).map(|_| 0)).collect()
    }
}

impl Counts for Answers {
    fn whole(&self, _: &mut CallContext<'_>, n: i32) -> Result<Vec<i32>, Status> {
        Ok(self.values(n))
    }

    fn later(
        &self,
        _: &mut CallContext<'_>,
        call: ServerCall<LaterResponse>,
        n: i32,
    ) -> Result<(), Status> {
        let values = self.values(n);
        let expected = if self.more == 0 {
            Ok(())
        } else {
            Err(Status::BadStubData)
        };
        assert_eq!(call.complete(&LaterResponse { values }), expected);
        Ok(())
    }

    fn part(&self, _: &mut CallContext<'_>, max: i32) -> Result<PartResponse, Status> {
        Ok(self.some(max))
    }

    fn text(&self, _: &mut CallContext<'_>, max: i32) -> Result<String, Status> {
        Ok(self.letters(max))
    }

    fn chosen(&self, _: &mut CallContext<'_>, level: i16) -> Result<Choice, Status> {
        Ok(self.choice(level))
    }

    fn section(
        &self,
        _: &mut CallContext<'_>,
        from: i32,
        n: i32,
    ) -> Result<ArraySection<i16>, Status> {
        Ok(self.piece(from, n))
    }

    fn computed(&self, _: &mut CallContext<'_>, words: Option<i32>) -> Result<Vec<u8>, Status> {
        Ok(self.bytes(2 * words.unwrap_or(0)))
    }

    fn doubled(&self, _: &mut CallContext<'_>, data: &[u8]) -> Result<Vec<i16>, Status> {
        Ok(self.twice(data))
    }

    fn piped(
        &self,
        context: &mut CallContext<'_>,
        call: ServerCall<PipedResponse>,
        n: i32,
        mut data: PullPipe<u8>,
    ) -> Result<(), Status> {
        let values = self.values(n);
        context.executor()?.spawn(async move {
            let mut bytes = Vec::new();
            while matches!(data.pull_future(&mut bytes, 100).await, Ok(1..)) {}
            // The client hears how it went.
            let _ = call.complete(&PipedResponse { values });
        })?;
        Ok(())
    }
}

impl CountsAsync for Answers {
    async fn whole(&self, _: AsyncContext, n: i32) -> Result<Vec<i32>, Status> {
        Ok(self.values(n))
    }

    async fn later(&self, _: AsyncContext, n: i32) -> Result<Vec<i32>, Status> {
        Ok(self.values(n))
    }

    async fn part(&self, _: AsyncContext, max: i32) -> Result<PartResponse, Status> {
        Ok(self.some(max))
    }

    async fn text(&self, _: AsyncContext, max: i32) -> Result<String, Status> {
        Ok(self.letters(max))
    }

    async fn chosen(&self, _: AsyncContext, level: i16) -> Result<Choice, Status> {
        Ok(self.choice(level))
    }

    async fn section(
        &self,
        _: AsyncContext,
        from: i32,
        n: i32,
    ) -> Result<ArraySection<i16>, Status> {
        Ok(self.piece(from, n))
    }

    async fn computed(&self, _: AsyncContext, words: Option<i32>) -> Result<Vec<u8>, Status> {
        Ok(self.bytes(2 * words.unwrap_or(0)))
    }

    async fn doubled(&self, _: AsyncContext, data: Vec<u8>) -> Result<Vec<i16>, Status> {
        Ok(self.twice(&data))
    }

    async fn piped(
        &self,
        _: AsyncContext,
        n: i32,
        mut data: PullPipe<u8>,
    ) -> Result<Vec<i32>, Status> {
        let mut bytes = Vec::new();
        while data.pull_future(&mut bytes, 100).await? > 0 {}
        Ok(self.values(n))
    }
}

/// Replies what it likes, whatever was asked for: a server that another compiler made.
struct Careless(Answers);

impl Interface for Careless {
    fn syntax(&self) -> SyntaxId {
        INTERFACE
    }

    fn operation_count(&self) -> u16 {
        OPERATION_COUNT
    }

    fn dispatch(&self, mut call: Dispatch<'_, '_>) -> Result<(), Status> {
        let Careless(answers) = self;
        match call.opnum() {
            WHOLE => {
                let WholeRequest { n } = call.decode()?;
                let values = answers.values(n);
                call.reply(&WholeResponse { values })
            }
            PART => {
                // Its maximum count is the number of elements, as nothing is given.
                let PartRequest { max } = call.decode()?;
                call.reply(&answers.some(max))
            }
            TEXT => {
                let TextRequest { max } = call.decode()?;
                let text = answers.letters(max);
                call.reply(&TextResponse { text })
            }
            CHOSEN => {
                let ChosenRequest { level } = call.decode()?;
                let value = answers.choice(level);
                call.reply(&ChosenResponse { value })
            }
            SECTION => {
                let SectionRequest { from, n } = call.decode()?;
                let values = answers.piece(from, n);
                call.reply(&SectionResponse { values })
            }
            COMPUTED => {
                let ComputedRequest { words } = call.decode()?;
                let data = answers.bytes(2 * words.unwrap_or(0));
                call.reply(&ComputedResponse { data })
            }
            DOUBLED => {
                let DoubledRequest { data, .. } = call.decode()?;
                let twice = answers.twice(data);
                call.reply(&DoubledResponse { twice })
            }
            _ => Err(Status::ProcnumOutOfRange),
        }
    }
}

/// A client, and what it needs to live.
struct Scene {
    client: CountsClient,
    _serving: Serving,
    _runtime: Runtime,
}

fn scene(interface: impl Interface, options: &str) -> Scene {
    let runtime = Runtime::start(Config::default().cores(Cores::Unpinned(1))).expect("a runtime");
    let server = Server::new()
        .endpoint("ncacn_ip_tcp:127.0.0.1[0]")
        .expect("an endpoint")
        .interface(interface);
    let serving = runtime.serve(server).expect("it listens");
    let address = serving.bindings()[0].to_string().replace(']', options);
    let binding = Binding::new(&runtime, &address, INTERFACE).expect("a binding");
    Scene {
        client: CountsClient::new(binding),
        _serving: serving,
        _runtime: runtime,
    }
}

/// A client of generated stubs of each kind, in each syntax.
fn scenes(answers: Answers) -> Vec<Scene> {
    vec![
        scene(interface(answers), "]"),
        scene(interface(answers), ",ndr64]"),
        scene(interface_async(answers), "]"),
        scene(interface_async(answers), ",ndr64]"),
    ]
}

fn piped(client: &CountsClient, n: i32) -> Result<Vec<i32>, Status> {
    let (call, mut pipes) = client.piped(n)?;
    pipes.data.push_blocking(&[1, 2, 3])?;
    pipes.data.finish()?;
    Ok(call.wait()?.values)
}

#[test]
fn what_was_asked_for_comes() {
    for Scene { client, .. } in &scenes(Answers { more: 0 }) {
        assert_eq!(client.whole(3), Ok(vec![0, 1, 2]));
        assert_eq!(client.whole(0), Ok(vec![]));
        assert_eq!(client.later(2), Ok(vec![0, 1]));
        assert_eq!(client.part(3).map(|part| part.values), Ok(vec![0, 1]));
        assert_eq!(client.text(4).as_deref(), Ok("xxx"));
        assert_eq!(client.chosen(1), Ok(Choice::Number(7)));
        assert_eq!(client.chosen(2), Ok(Choice::Mark(8)));
        assert_eq!(client.section(2, 3).map(|s| s.first()), Ok([2]));
        assert_eq!(client.computed(Some(2)), Ok(vec![5; 4]));
        assert_eq!(client.computed(None), Ok(vec![]));
        assert_eq!(client.doubled(&[1, 2]), Ok(vec![2, 4]));
        assert_eq!(piped(client, 2), Ok(vec![0, 1]));
    }
}

/// Asserts that each operation fails as its array, text or arm is not what was asked for.
fn assert_refused(client: &CountsClient) {
    let refused = Err(Status::BadStubData);
    assert_eq!(client.whole(3).map(drop), refused);
    assert_eq!(client.part(3).map(drop), refused);
    assert_eq!(client.text(4).map(drop), refused);
    assert_eq!(client.chosen(1).map(drop), refused);
    assert_eq!(client.section(2, 3).map(drop), refused);
    assert_eq!(client.computed(Some(2)).map(drop), refused);
    assert_eq!(client.computed(None).map(drop), refused);
    assert_eq!(client.doubled(&[1, 2]).map(drop), refused);
}

#[test]
fn a_manager_that_answers_otherwise_fails_its_call() {
    for Scene { client, .. } in &scenes(Answers { more: 1 }) {
        assert_refused(client);
        assert_eq!(client.later(2).map(drop), Err(Status::BadStubData));
        assert_eq!(piped(client, 2).map(drop), Err(Status::BadStubData));
    }
}

#[test]
fn a_reply_that_is_not_what_was_asked_for_is_refused() {
    for options in ["]", ",ndr64]"] {
        let Scene { client, .. } = &scene(Careless(Answers { more: 1 }), options);
        assert_refused(client);
        // The other forms of a call know what was asked for as well.
        let event = Event::auto_reset();
        let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
        client.whole_async(&mut handle, 3).expect("a call");
        event.wait();
        assert_eq!(handle.complete().map(drop), Err(Status::BadStubData));
        let call = client.whole_future(3);
        assert_eq!(call.wait().map(drop), Err(Status::BadStubData));
    }
}

#[test]
fn a_handle_knows_what_its_latest_call_asked_for() {
    let Scene { client, .. } = &scene(Careless(Answers { more: 0 }), "]");
    let event = Event::auto_reset();
    let mut handle = AsyncHandle::new(Notify::Event(event.clone()));
    for n in [3, 1, 2] {
        client.whole_async(&mut handle, n).expect("a call");
        event.wait();
        let values = handle.complete().expect("as asked for").values;
        assert_eq!(values.len(), n as usize);
    }
}

#[test]
fn a_maximum_count_below_what_was_asked_for_is_refused() {
    // Fewer elements than there is room for, and a maximum count that says that there is no more.
    let Scene { client, .. } = &scene(Careless(Answers { more: 0 }), "]");
    assert_eq!(client.part(3).map(drop), Err(Status::BadStubData));
}

#[test]
fn a_text_is_read_where_its_maximum_is_what_was_asked_for() {
    let given = TextRequest { max: 9 }.given();
    let text = TextResponse { text: "ab".into() };
    let mut stub = Vec::new();
    encode::<Ndr, _>(&text.clone().with_given(given), &mut stub).expect("there is room");
    assert_eq!(stub[..4], [9, 0, 0, 0]);
    assert_eq!(
        decode_given::<Ndr, TextResponse>(Some(given), &stub, ByteOrder::Little),
        Ok(text)
    );
    let other = TextRequest { max: 8 }.given();
    let error = decode_given::<Ndr, TextResponse>(Some(other), &stub, ByteOrder::Little)
        .expect_err("8 is not 9");
    assert_eq!(error.path(), "TextResponse.text");
}

/// The maximum count of a list of no towers.
fn maximum<S: Syntax>(max_towers: u32) -> Vec<u8> {
    let reply = EptMapResponse {
        entry_handle: annulus::ndr::ContextHandle::NULL,
        num_towers: 0,
        towers: Vec::new(),
        result: 0,
    };
    let mut stub = Vec::new();
    encode::<S, _>(&reply.with_given(EptMapGiven { max_towers }), &mut stub).expect("a reply");
    // Behind the handle and the number of towers.
    stub.split_off(24)
}

#[test]
fn ept_map_replies_the_maximum_that_was_asked_for() {
    // Maximum count, offset, actual count; the status.
    assert_eq!(
        maximum::<Ndr>(4),
        [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    );
    let mut ndr64 = [0; 28];
    ndr64[0] = 4;
    assert_eq!(maximum::<Ndr64>(4), ndr64);
}
