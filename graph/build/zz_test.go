package build
import ("testing";"fmt";"os";"strings";"bytes";"time";"satgraph/ingest";"satgraph/graph";"satgraph/graph/treefile")
func TestZ(t *testing.T){
 a,err:=ingest.ReadUberonTSV("/work/shared/facts/uberon-terms.tsv.gz",ingest.Limits{}); if err!=nil{t.Fatal(err)}
 b,_:=os.ReadFile("../../datasets/catalog/classes.tsv")
 var an []Anchor
 for i,l:=range strings.Split(strings.TrimSpace(string(b)),"\n"){ if i==0{continue}; f:=strings.Split(l,"\t"); an=append(an,Anchor{f[0],f[2],f[3]=="exact"})}
 s,r,err:=Build(Source{a.Terms,a.Relations},an,Size); if err!=nil{t.Fatal(err)}
 fmt.Printf("%+v\n",*r)
 tr,_:=s.Tree(); fmt.Println(tr.Stats())
 for _,rt:=range graph.RelationTypes(){ for _,c:=range tr.Children("UBERON:0000948",rt){x,_:=tr.Term(c); fmt.Println("HEART",rt,c,x.Name)}}
 for _,c:=range tr.Roots(){x,_:=tr.Term(c); fmt.Println("ROOT",c,x.Name,len(tr.Descendants(c)))}
 for _,x:=range tr.Terms(){ if x.Laterality!=""{ for _,y:=range tr.Ancestors(x.ID){ z,_:=tr.Term(y); if z.Laterality==x.Laterality.Opposite(){fmt.Println("MIRROR",x.ID,x.Name,"under",z.ID,z.Name)}}}}
 nb,np:=0,0
 for _,x:=range tr.Terms(){ if x.Laterality!=""{ _,ok:=tr.Base(x.ID); _,ok2:=tr.Counterpart(x.ID); if !ok{nb++}; if !ok2{np++}; if (!ok||!ok2){fmt.Println("NOBASE",x.ID,x.Name,ok,ok2)}}}
 fmt.Println("sided without base",nb,"counterpart",np)
 for _,q:=range []string{"heart","left lung","lung","liver","thoracic rib cage","kidney"} { m:=tr.Lookup(q); for _,c:=range tr.Children(m[0].ID){x,_:=tr.Term(c); fmt.Println("CH",q,c,x.Name)}}
 for _,x:=range tr.Terms(){ for i,sy:=range x.Synonyms{ _=i; if sy.Scope!=graph.ScopeExact{continue}; for _,m:=range tr.Lookup(sy.Text){ if m.ID!=x.ID&&m.How==graph.ByName&&!m.Verbatim{y,_:=tr.Term(m.ID); fmt.Println("CF",sy.Text,":",x.ID,x.Name,"| norm name",m.ID,y.Name)}}}}
 bad:=0
 for _,x:=range an { m:=graph.Best(tr.Lookup(x.Name)); if len(m)!=1||m[0].ID!=x.TermID { bad++; fmt.Println("LOOKUP",x.Name,x.TermID,m)}}
 fmt.Println("bad",bad)
 var buf bytes.Buffer; if err:=treefile.Write(&buf,s);err!=nil{t.Fatal(err)}
 fmt.Println("size",buf.Len()); os.WriteFile("/tmp/w/gx/tree.tsv.gz",buf.Bytes(),0o644)
 t0:=time.Now(); s2,err:=treefile.Read(&buf); if err!=nil{t.Fatal(err)}; t1:=time.Now(); s2.Tree(); fmt.Println("read",t1.Sub(t0),"index",time.Since(t1), s2.Revision)
 d:=0; for _,x:=range tr.Terms(){ d+=len(x.Synonyms)}; fmt.Println("syn",d)
}
